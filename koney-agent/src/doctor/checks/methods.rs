//! The attach methods: what each came to when it was tried, and which one is used.

use super::super::{
    facts::{Blocked, Facts},
    finding::{Finding, Weight, cause_and_remedy},
    machine::Lockdown,
};
use crate::kernel::{Method, Preemption, Trial, fanotify};

/// How errors show EPERM.
const NOT_PERMITTED: &str = "(os error 1)";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = vec![preemption(facts)];
    match &facts.trials {
        Ok(trials) => all.extend(trials.iter().map(|trial| method(facts, trial))),
        Err(_) => all.extend(Method::ALL.iter().map(|method| {
            let found = Finding::missing(&check(*method), "not tried").costs("see run --attach auto");
            found.weighing(Weight::Alternative)
        })),
    }
    all.push(skips(facts));
    all.push(taken(facts));
    all
}

fn check(method: Method) -> String {
    format!("attach {method}")
}

fn degraded(facts: &Facts, method: Method) -> Option<(&'static str, Option<&'static str>)> {
    method.degraded(&facts.environment).map(cause_and_remedy)
}

/// The row of the method that is used says what it costs.
fn preemption(facts: &Facts) -> Finding {
    let affected: Vec<_> = Method::ALL.iter().filter(|method| degraded(facts, **method).is_some()).map(|m| m.name()).collect();
    let (affected, none) = (affected.join(" and "), affected.is_empty());
    let found = match facts.environment.preemption {
        Preemption::None => "none or voluntary: fentry misses nothing by it".to_owned(),
        Preemption::Full if none => "full, lazy or real-time: no method misses anything by it".to_owned(),
        Preemption::Full => format!("full, lazy or real-time: {affected} can miss accesses by it"),
        Preemption::Unknown => format!("not known: {affected} can miss accesses if it is full, lazy or real-time"),
    };
    Finding::ok("preemption", found)
}

fn method(facts: &Facts, trial: &Trial) -> Finding {
    let check = check(trial.method);
    let found = match (&trial.outcome, degraded(facts, trial.method)) {
        (Ok(_), None) => Finding::ok(&check, "attached, canary seen, detached"),
        (Ok(_), Some((cost, remedy))) => {
            let found = Finding::degraded(&check, "attached, canary seen, detached").costs(cost);
            Finding { remedy: remedy.map(str::to_owned), ..found }
        }
        (Err(reason), _) => {
            let cost = match facts.taken {
                None => "no detection by this method".to_owned(),
                Some(taken) if degraded(facts, taken).is_none() => format!("nothing as long as {taken} is there to be used"),
                Some(taken) => format!("{taken} has to be used, see run --attach auto"),
            };
            Finding::missing(&check, reason.as_str()).costs(cost).mended_by(after_refusal(facts, trial.method, reason))
        }
    };
    found.weighing(Weight::Alternative)
}

fn after_refusal(facts: &Facts, method: Method, reason: &str) -> String {
    if facts.security.lockdown == Some(Lockdown::Confidentiality) {
        "see lockdown".to_owned()
    } else if method == Method::Lsm && facts.environment.bpf_lsm == Some(false) {
        "see LSM list".to_owned()
    } else if reason.contains("event_source/devices/kprobe") {
        "use a kernel that is built with CONFIG_KPROBE_EVENTS=y, and mount sysfs".to_owned()
    } else if reason.starts_with("not tried") {
        format!("`run --attach {method}` uses it all the same")
    } else if reason.contains(NOT_PERMITTED) {
        "the kernel or a sandbox around it forbids this with all privilege given, and does not say why; run the agent on the node \
         itself, or on another kernel"
            .to_owned()
    } else {
        format!("`koney-agent probe --attach {method} --log debug` shows all that the kernel said; report it")
    }
}

fn skips(facts: &Facts) -> Finding {
    let check = "count of skipped calls";
    let tried = facts.trials.iter().flatten().filter(|trial| facts.taken.is_none_or(|taken| taken == trial.method));
    let told = tried.filter_map(|trial| trial.outcome.as_ref().ok()).map(|fired| fired.tells_misses).next();
    match told {
        Some(true) => Finding::ok(check, "told by the kernel (recursion_misses)"),
        None if !facts.environment.older_than(5, 12) => {
            Finding::ok(check, "to be expected from 5.12 on (recursion_misses); no program to ask")
        }
        _ => Finding::missing(check, "not told by the kernel, which has recursion_misses from 5.12 on")
            .costs("opens that a program did not see because the kernel skipped it go unnoticed")
            .mended_by("use Linux 5.12 or newer"),
    }
}

fn taken(facts: &Facts) -> Finding {
    let check = "run --attach auto";
    let found = match (facts.taken, &facts.trials) {
        (None, trials) if facts.fallback.is_some() => {
            let why = trials
                .as_ref()
                .err()
                .map_or("no attach method works on this kernel", |Blocked(reason)| cause_and_remedy(reason).0);
            Finding::degraded(check, format!("uses fanotify: {why}"))
                .costs(fanotify::LIMITS)
                .mended_by("mend what is missing above, so that eBPF can be used")
        }
        (Some(method), _) => match degraded(facts, method) {
            None => Finding::ok(check, format!("uses {method}")),
            Some((cost, remedy)) => {
                let found = Finding::degraded(check, format!("uses {method}")).costs(cost);
                Finding { remedy: remedy.map(str::to_owned), ..found }
            }
        },
        (None, Err(Blocked(reason))) => {
            let (cause, remedy) = cause_and_remedy(reason);
            // Elsewhere the remedy is to ask the doctor.
            let remedy = remedy.filter(|remedy| !remedy.contains("koney-agent doctor")).unwrap_or("mend what is missing above");
            Finding::missing(check, cause).costs("no access is seen, `run` ends at once").mended_by(remedy)
        }
        (None, Ok(_)) => Finding::missing(check, "no attach method works on this kernel")
            .costs("no access is seen, `run` ends at once")
            .mended_by("mend one of the attach methods above"),
    };
    found.weighing(Weight::Essential)
}
