//! From a manifest folder or the API server to typed snapshots.
//!
//! In: `DeceptionPolicy`, `DeceptionAlertSink` and `Secret` objects, today from a folder of YAML or JSON files
//! ([`manifests`]). Out: a [`Snapshot`] of what is in force, with a [`Problem`] for everything that is not.
//! Never: decisions. Which trap is armed where, and what a sink does without its Secret, others decide.

mod answers;
pub mod api;
#[cfg(test)]
pub(crate) mod catalogue;
mod choice;
pub mod crds;
mod duration;
mod field;
mod filter;
mod glob;
mod labels;
mod last_known;
pub mod manifests;
pub mod pods;
pub mod policy;
mod problem;
mod reader;
mod secret;
mod selector;
pub mod sink;
mod snapshot;
pub mod state;
mod text;
mod validate;
mod validate_sink;
#[cfg(test)]
mod validate_tests;

pub use answers::{Answer, Answers};
pub use duration::duration;
pub use field::FieldPath;
pub use labels::Labels;
pub use last_known::LastKnown;
pub use policy::{CaptorStrategy, DeceptionPolicy, DeceptionPolicySpec, DecoyStrategy, LabelExpression, LabelSelector};
pub use problem::{Problem, Severity as ProblemSeverity};
pub use reader::{PodSelector, Reader};
pub use secret::Secret;
pub use selector::{ContainerSelector, SelectorError};
pub use sink::{DeceptionAlertSink, DeceptionAlertSinkSpec, Receiver, Severity};
pub use snapshot::{FileTrap, Filter, Kind, ObjectRef, Policy, SecretState, Sink, Snapshot};
pub use validate::{Issue, Validated, policy as validate_policy};
pub use validate_sink::sink as validate_sink;

/// The API group of Koney's resources.
pub const GROUP: &str = "research.dynatrace.com";
/// The namespace in which sinks and Secrets count unless the configuration names another.
pub const DEFAULT_NAMESPACE: &str = "koney-system";
