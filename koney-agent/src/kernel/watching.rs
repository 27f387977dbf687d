//! How opens are seen, whichever detector it is: for people.

use super::{
    detector::Report,
    error::{Attempt, KernelError},
    fanotify,
    hook::{Hook, HookFailure},
    method::Method,
};

/// What is attached, and what is not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Watching {
    /// Release of the kernel.
    pub kernel: String,
    /// The method of the kernel programs; `None` for fanotify.
    pub method: Option<Method>,
    /// Accesses can be missed or told with less, and why.
    pub degraded: Option<&'static str>,
    /// Methods that were tried before, or what stood before all of them, and why they are not used.
    pub refused: Vec<(Option<Method>, String)>,
    /// Changes that are not watched on this kernel, and why.
    pub unwatched: Vec<HookFailure>,
    /// Denied opens, where some policy asks for them: whether they are watched.
    pub denied: Option<Result<(), HookFailure>>,
}

impl Watching {
    /// By fanotify, `instead_of` what was refused.
    pub(super) fn fanotify(kernel: String, instead_of: Option<&KernelError>) -> Self {
        Self {
            kernel,
            degraded: Some(fanotify::LIMITS),
            refused: instead_of.map(refusals).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Name in logs and alerts.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.method.map_or(fanotify::NAME, Method::name)
    }

    /// Every hook that is wanted, and why its program is not attached if it is not; fanotify has none.
    pub fn hooks(&self) -> impl Iterator<Item = (Hook, Option<&str>)> {
        let changes = [Hook::FileOpen].into_iter().chain(Hook::CHANGES).filter(|_| self.method.is_some());
        let failed = |hook| self.unwatched.iter().find(|failure| failure.hook == hook).map(|failure| failure.reason.as_str());
        let denied =
            self.denied.iter().map(|denied| (Hook::Denied, denied.as_ref().err().map(|failure| failure.reason.as_str())));
        changes.map(move |hook| (hook, failed(hook))).chain(denied)
    }
}

impl From<&Report> for Watching {
    fn from(report: &Report) -> Self {
        Self {
            kernel: report.environment.release.clone(),
            method: Some(report.method),
            degraded: report.degraded,
            refused: attempts(&report.failed.0),
            unwatched: report.unwatched.clone(),
            denied: None,
        }
    }
}

fn refusals(error: &KernelError) -> Vec<(Option<Method>, String)> {
    match error {
        KernelError::NoMethod(failed) => attempts(&failed.0),
        other => vec![(None, other.to_string())],
    }
}

fn attempts(failed: &[Attempt]) -> Vec<(Option<Method>, String)> {
    failed.iter().map(|Attempt { method, reason }| (Some(*method), reason.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Attempts;

    #[test]
    fn what_is_not_attached_says_why() {
        let failure = |hook, reason: &str| HookFailure { hook, reason: reason.to_owned() };
        let watching = Watching {
            method: Some(Method::Lsm),
            unwatched: vec![failure(Hook::CopyUp, "no such hook")],
            denied: Some(Err(failure(Hook::Denied, "no trampolines"))),
            ..Watching::default()
        };
        let missing: Vec<_> = watching.hooks().filter(|(_, reason)| reason.is_some()).collect();
        assert_eq!(missing, [(Hook::CopyUp, Some("no such hook")), (Hook::Denied, Some("no trampolines"))]);
        assert_eq!(watching.hooks().count(), Hook::ALL.len());
    }

    #[test]
    fn fanotify_says_what_it_stands_in_for() {
        let failed = vec![Attempt { method: Method::Fentry, reason: "refused at load".to_owned() }];
        let watching = Watching::fanotify("6.12".to_owned(), Some(&KernelError::NoMethod(Attempts(failed))));
        assert_eq!((watching.name(), watching.hooks().count()), ("fanotify", 0));
        assert_eq!(watching.refused, [(Some(Method::Fentry), "refused at load".to_owned())]);
        let watching = Watching::fanotify("6.12".to_owned(), Some(&KernelError::NoObject));
        assert!(matches!(watching.refused.as_slice(), [(None, reason)] if reason.contains("cargo xtask build-ebpf")));
    }
}
