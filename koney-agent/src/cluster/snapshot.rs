//! What is in force at one moment. A snapshot is never changed; a change is a new one.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::labels::Labels;
use super::policy::{CaptorStrategy, DecoyStrategy, LabelSelector};
use super::problem::Problem;
use super::reader::Reader;
use super::secret::Secret;
use super::selector::ContainerSelector;
use super::sink::DeceptionAlertSinkSpec;

/// Everything that is in force, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// Policies by name; one without valid traps is listed too.
    pub policies: Vec<Policy>,
    /// Sinks of the agent's namespace, by name.
    pub sinks: Vec<Sink>,
    /// Secrets of the agent's namespace, by name.
    pub secrets: Vec<Arc<Secret>>,
    /// What is not in force or probably not meant, in the order of files and lines.
    pub problems: Vec<Problem>,
    /// The file each object was last read from: a broken file keeps its objects, a removed one takes them along.
    pub(super) origins: BTreeMap<ObjectRef, PathBuf>,
}

/// A policy that passed validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// The valid traps.
    pub traps: Vec<FileTrap>,
    /// Attempts that the kernel denies are asked for, by an annotation.
    pub denied: bool,
    /// Who is expected to read its decoys, by an annotation.
    pub readers: Vec<Reader>,
    /// What it says about its alerts, by annotations.
    pub labels: Labels,
    /// How many traps the policy declares, valid or not.
    pub declared: usize,
}

/// A decoy file to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileTrap {
    /// Position in `spec.traps`, from 0.
    pub index: usize,
    /// `filePath` as the policy writes it: absolute, not cleaned.
    pub file_path: String,
    /// How the decoy is planted.
    pub decoy: DecoyStrategy,
    /// MD5 of what the decoy contains, in hexadecimal: by it Koney's operator says what it has planted.
    pub content_md5: String,
    /// Who the policy asks to watch.
    pub captor: CaptorStrategy,
    /// False where the policy wants no watching (captor strategy `none`).
    pub watched: bool,
    /// Which workloads get the trap, joined by OR. Standalone, the host gets every trap.
    pub filters: Vec<Filter>,
}

/// Namespaces AND labels, and the containers of what they select.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Exact names; none means every namespace.
    pub namespaces: Vec<String>,
    /// Labels of the workload; operators are known to be valid.
    pub labels: LabelSelector,
    /// Containers of the workload.
    pub containers: ContainerSelector,
}

/// A sink that passed validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sink {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What it asks for.
    pub spec: DeceptionAlertSinkSpec,
    /// The Secret it names.
    pub secret: SecretState,
}

/// The Secret that a sink names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretState {
    /// There is none of this name in the sink's namespace.
    Missing(String),
    /// The Secret; whether it has the keys the sink needs is not known here.
    Found(Arc<Secret>),
}

/// The kinds of object that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// `research.dynatrace.com/v1alpha1` `DeceptionPolicy`.
    Policy,
    /// `research.dynatrace.com/v1alpha1` `DeceptionAlertSink`.
    Sink,
    /// `v1` `Secret`.
    Secret,
}

/// Which object: what `kubectl apply` would create or replace.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace, where the kind has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Kind {
    /// The name a manifest uses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Policy => "DeceptionPolicy",
            Self::Sink => "DeceptionAlertSink",
            Self::Secret => "Secret",
        }
    }

    /// The `apiVersion` a manifest must have.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::Policy | Self::Sink => "research.dynatrace.com/v1alpha1",
            Self::Secret => "v1",
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/", self.kind.as_str())?;
        if let Some(namespace) = &self.namespace {
            write!(formatter, "{namespace}/")?;
        }
        formatter.write_str(&self.name)
    }
}
