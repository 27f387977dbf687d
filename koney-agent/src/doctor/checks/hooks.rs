//! What each program of the method in use hangs on, and what goes unseen where this kernel does not serve one.

use super::super::{
    facts::Facts,
    finding::{Finding, Weight},
};
use crate::kernel::{Fired, Hook, HookFailure, Method};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let taken = facts.trials.iter().flatten().find(|trial| facts.taken == Some(trial.method));
    let Some((method, Ok(fired))) = taken.map(|trial| (trial.method, &trial.outcome)) else { return Vec::new() };
    Hook::ALL.iter().map(|hook| finding(*hook, method, fired)).collect()
}

fn finding(hook: Hook, method: Method, fired: &Fired) -> Finding {
    let check = format!("hook {hook}");
    match fired.unwatched.iter().find(|failure| failure.hook == hook) {
        None if hook == Hook::Denied => {
            Finding::ok(&check, format!("{}, only while a policy asks for it", hook.attach_point(method)))
        }
        None => Finding::ok(&check, hook.attach_point(method)),
        Some(HookFailure { reason, .. }) => Finding::degraded(&check, reason.as_str())
            .costs(format!("{} goes unseen", hook.cost()))
            .mended_by(format!("`koney-agent probe --attach {method} --log debug` shows all that the kernel said; report it"))
            // The annotation for it is in few policies, and a change of a decoy is followed by a look at it in any case.
            .weighing(Weight::Alternative),
    }
}
