//! What this kernel offers, looked at without staying: each thing tried as the detector would use it.

use std::{io, path::Path};

use super::{
    detector::{Detector, Options},
    environment::{self, Environment},
    error::KernelError,
    hook::HookFailure,
    method::{self, Choice, Method},
    object, offsets,
    open::{self, OpenError},
    root::Root,
    settings,
};

/// What came of one method: attached, the canary seen, detached; or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Which.
    pub method: Method,
    /// It fired, or why it did not.
    pub outcome: Result<Fired, String>,
}

/// What a method that fired offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The kernel tells how many calls of the program it skipped.
    pub tells_misses: bool,
    /// Hooks that it does not serve here.
    pub unwatched: Vec<HookFailure>,
}

/// This process has the privilege that eBPF takes.
#[must_use]
pub fn may_use_ebpf() -> bool {
    environment::require_privilege().is_ok()
}

/// Tries every method that [`Choice::Auto`] would try, in the order of [`Method::ALL`]; what it leaves alone can do harm (before 6.1
/// a kprobe's warning is fatal under `panic_on_warn`), and is told with its reason. An error is one that stands before all methods.
///
/// Must be called inside a tokio runtime; blocks for up to a second per method.
pub fn try_each_method(environment: &Environment) -> Result<Vec<Trial>, KernelError> {
    let left_out = method::left_out(Choice::Auto, environment);
    let trial = |method: &Method| match left_out.0.iter().find(|attempt| attempt.method == *method) {
        Some(attempt) => Ok(Trial { method: *method, outcome: Err(attempt.reason.clone()) }),
        None => try_method(*method),
    };
    Method::ALL.iter().map(trial).collect()
}

fn try_method(method: Method) -> Result<Trial, KernelError> {
    let outcome = match Detector::start(Options { attach: Choice::Only(method), ..Options::default() }) {
        Ok((mut detector, _ring)) => {
            let mut unwatched = detector.report().unwatched.clone();
            unwatched.extend(detector.watch_denied(true).err());
            Ok(Fired { tells_misses: detector.counts().is_ok_and(|counts| counts.missed.is_some()), unwatched })
        }
        Err(KernelError::NoMethod(attempts)) => {
            Err(attempts.0.into_iter().map(|attempt| attempt.reason).collect::<Vec<_>>().join("; "))
        }
        Err(before_all) => return Err(before_all),
    };
    Ok(Trial { method, outcome })
}

/// The method that [`Choice::Auto`] takes where the trials came out like this.
#[must_use]
pub fn taken_by_auto(environment: &Environment, trials: &[Trial]) -> Option<Method> {
    let fired = |method: &Method| trials.iter().any(|trial| trial.method == *method && trial.outcome.is_ok());
    method::order(Choice::Auto, environment).into_iter().find(fired)
}

/// The kernel programs are in this binary.
#[must_use]
pub fn has_programs() -> bool {
    object::embedded().is_some()
}

/// The members of [`koney_common::Offsets`] that this kernel's type information does not tell.
pub fn absent_members() -> Result<Vec<&'static str>, KernelError> {
    let (layout, _problems) = offsets::resolve(&offsets::read_btf()?);
    Ok(layout.absent().collect())
}

/// Container names are taken from the memory controller's hierarchy (cgroup v1).
#[must_use]
pub fn names_from_cgroup_v1() -> bool {
    settings::names_from_cgroup_v1()
}

/// Looks a path up as arming does.
pub fn look_up(path: &Path) -> io::Result<()> {
    match open::resolve(Root::Own.open()?, path) {
        // Only the way there is asked about.
        Ok(_) | Err(OpenError::NotRegular(_) | OpenError::Missing) => Ok(()),
        Err(OpenError::Io(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Preemption;

    #[test]
    fn auto_takes_the_best_that_fired() {
        let environment = Environment { release: "6.12".to_owned(), bpf_lsm: Some(true), preemption: Preemption::None };
        let fired = |method| Trial { method, outcome: Ok(Fired { tells_misses: true, unwatched: Vec::new() }) };
        let refused = |method| Trial { method, outcome: Err("refused".to_owned()) };
        let taken = |trials: &[Trial]| taken_by_auto(&environment, trials);
        assert_eq!(taken(&[fired(Method::Fentry), fired(Method::Lsm)]), Some(Method::Lsm));
        assert_eq!(taken(&[refused(Method::Lsm), fired(Method::Fentry)]), Some(Method::Fentry));
        assert_eq!(taken(&[refused(Method::Lsm), refused(Method::Fentry)]), None);
    }

    #[tokio::test]
    async fn what_auto_leaves_alone_is_not_tried_either() {
        let old = Environment { release: "5.10.0".to_owned(), bpf_lsm: Some(false), preemption: Preemption::None };
        // A machine that allows nothing at all answers before any method.
        let Ok(trials) = try_each_method(&old) else { return };
        let reasons = trials.iter().filter_map(|trial| trial.outcome.as_ref().err());
        assert!(reasons.filter(|reason| reason.starts_with("not tried")).count() >= 2, "{trials:?}");
    }

    #[test]
    fn a_lookup_asks_for_the_way_only() {
        assert!(look_up(Path::new("/")).is_ok(), "a directory");
        assert!(look_up(Path::new("/no/such/file")).is_ok());
    }
}
