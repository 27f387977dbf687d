//! Koney's rules for what the schema admits: a policy's traps.

use std::fmt::Write as _;

use md5::{Digest as _, Md5};

use super::field::FieldPath;
use super::filter;
use super::labels::Labels;
use super::policy::{CaptorStrategy, DeceptionPolicySpec, TrapSpec};
use super::problem::Severity;
use super::snapshot::{FileTrap, Policy};
use super::text::quoted;

/// `PATH_MAX` counts the byte that ends a path.
const PATH_BYTES: usize = 4095;

/// What is wrong with a field, free of where it was read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issue {
    /// `Error` takes the trap, or with `strictValidation` the policy, out of force.
    pub severity: Severity,
    /// From the object's root, for example `spec.traps[0].match.any`.
    pub field: FieldPath,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
}

/// A validated policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Validated {
    /// The policy with the traps that may be in force: none when `strict` and one trap is invalid.
    pub policy: Policy,
    /// One invalid trap took all traps out of force.
    pub rejected: bool,
    /// What is wrong, in the order of the fields.
    pub issues: Vec<Issue>,
}

/// Validates a policy's traps.
#[must_use]
pub fn policy(name: &str, spec: &DeceptionPolicySpec) -> Validated {
    let mut issues = Vec::new();
    let path = FieldPath::root("spec").key("traps");
    if spec.traps.is_empty() {
        issues.push(warning(path.clone(), "has no trap", "add one with filesystemHoneytoken and match"));
    }
    let mut traps: Vec<FileTrap> = spec
        .traps
        .iter()
        .enumerate()
        .filter_map(|(index, trap)| file_trap(index, trap, &path.index(index), &mut issues))
        .collect();
    let rejected = spec.strict_validation && traps.len() < spec.traps.len();
    if rejected {
        traps.clear();
    }
    Validated {
        policy: Policy {
            name: name.to_owned(),
            traps,
            denied: false,
            readers: Vec::new(),
            labels: Labels::default(),
            declared: spec.traps.len(),
        },
        rejected,
        issues,
    }
}

fn file_trap(index: usize, trap: &TrapSpec, path: &FieldPath, issues: &mut Vec<Issue>) -> Option<FileTrap> {
    let before = issues.len();
    let file_path = file_path(trap, path, issues);
    let filters = filter::compile(trap, &path.key("match"), issues);
    if issues.iter().skip(before).any(|issue| issue.severity == Severity::Error) {
        return None;
    }
    let captor = trap.captor_deployment.as_ref().map_or_else(CaptorStrategy::default, |captor| captor.strategy);
    Some(FileTrap {
        index,
        file_path: file_path?,
        content_md5: trap.filesystem_honeytoken.as_ref().map(|file| md5(&file.file_content)).unwrap_or_default(),
        decoy: trap.decoy_deployment.as_ref().map(|decoy| decoy.strategy).unwrap_or_default(),
        captor,
        watched: captor != CaptorStrategy::None,
        filters,
    })
}

fn md5(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().fold(String::with_capacity(32), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes what is written");
        digits
    })
}

fn file_path(trap: &TrapSpec, path: &FieldPath, issues: &mut Vec<Issue>) -> Option<String> {
    let Some(honeytoken) = &trap.filesystem_honeytoken else {
        issues.push(error(path.clone(), "has no filesystemHoneytoken, the one trap kind there is", "add one"));
        return None;
    };
    let written = honeytoken.file_path.as_str();
    let (reason, remedy) = if !written.starts_with('/') {
        (format!("must be absolute, got {}", quoted(written)), "write it with a leading /")
    } else if written.contains('\0') {
        (format!("must not contain a NUL, got {}", quoted(written)), "remove it")
    } else if written.ends_with('/') {
        (format!("must name a file, got the directory {}", quoted(written)), "add the file's name, without a trailing /")
    } else if written.len() > PATH_BYTES {
        (format!("must have at most {PATH_BYTES} bytes, got {}", written.len()), "choose a shorter path")
    } else {
        return Some(written.to_owned());
    };
    issues.push(error(path.key("filesystemHoneytoken").key("filePath"), reason, remedy));
    None
}

pub(super) fn error(field: FieldPath, reason: impl Into<String>, remedy: &str) -> Issue {
    Issue { severity: Severity::Error, field, reason: reason.into(), remedy: remedy.to_owned() }
}

pub(super) fn warning(field: FieldPath, reason: impl Into<String>, remedy: &str) -> Issue {
    Issue { severity: Severity::Warning, ..error(field, reason, remedy) }
}
