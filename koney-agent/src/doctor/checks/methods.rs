//! The attach methods, and fanotify behind them: what each came to when it was tried, and which one is used.

use super::super::{
    facts::{Blocked, Facts},
    finding::{Finding, Weight, cause_and_remedy},
    machine::Lockdown,
};
use crate::kernel::{Method, Preemption, Trial, fanotify as fallback};

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
    all.push(fanotify(facts));
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
    let found = match &trial.outcome {
        Ok(_) => fired(facts, trial.method, &check, "attached, canary seen, detached"),
        Err(reason) => {
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

/// A method that works, with what it cannot see.
fn fired(facts: &Facts, method: Method, check: &str, found: &str) -> Finding {
    let Some((cost, remedy)) = degraded(facts, method) else { return Finding::ok(check, found) };
    Finding { remedy: remedy.map(str::to_owned), ..Finding::degraded(check, found).costs(cost) }
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

fn fanotify(facts: &Facts) -> Finding {
    let check = fallback::NAME;
    let found = match (&facts.fanotify, facts.taken) {
        (Ok(()), Some(taken)) => Finding::ok(check, format!("works; not needed as long as {taken} is there to be used")),
        (Ok(()), None) => Finding::degraded(check, "works").costs("see run --attach auto"),
        (Err(error), taken) => {
            let (cause, remedy) = cause_and_remedy(error);
            let cost = if taken.is_some() {
                "nothing keeps watch should eBPF be refused"
            } else {
                "nothing keeps watch instead of eBPF"
            };
            Finding::missing(check, cause).costs(cost).mended_by(remedy.unwrap_or("report this kernel's version"))
        }
    };
    found.weighing(Weight::Alternative)
}

fn taken(facts: &Facts) -> Finding {
    let check = "run --attach auto";
    let found = if let Some(method) = facts.taken {
        fired(facts, method, check, &format!("uses {method}"))
    } else {
        let (cause, remedy) = without_ebpf(facts);
        let found = match facts.fanotify {
            Ok(()) => Finding::degraded(check, format!("uses {}, because {cause}", fallback::NAME)).costs(fallback::LIMITS),
            Err(_) => Finding::missing(check, cause).costs("no access is seen, `run` ends at once"),
        };
        found.mended_by(remedy)
    };
    found.weighing(Weight::Essential)
}

/// Why no attach method can be used, and what helps.
fn without_ebpf(facts: &Facts) -> (&str, &str) {
    let Err(Blocked(reason)) = &facts.trials else {
        return ("no attach method works on this kernel", "mend one of the attach methods above");
    };
    let (cause, remedy) = cause_and_remedy(reason);
    // Elsewhere the remedy is to ask the doctor.
    let remedy = remedy.filter(|remedy| !remedy.contains("koney-agent doctor"));
    (cause, remedy.unwrap_or("mend what is missing above"))
}
