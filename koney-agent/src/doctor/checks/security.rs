//! What the kernel's security modules allow. A refusal is laid at their door only where they say so themselves.

use super::super::{facts::Facts, finding::Finding, machine::Lockdown};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![securityfs(facts), lockdown(facts), modules(facts)]
}

fn securityfs(facts: &Facts) -> Finding {
    let check = "securityfs";
    if facts.security.securityfs {
        return Finding::ok(check, "mounted");
    }
    Finding::missing(check, "not mounted")
        .costs("lockdown and the list of security modules are not known; LSM is tried all the same")
        .mended_by("mount -t securityfs securityfs /sys/kernel/security")
}

fn lockdown(facts: &Facts) -> Finding {
    let check = "lockdown";
    match facts.security.lockdown {
        Some(Lockdown::None) => Finding::ok(check, "none"),
        Some(Lockdown::Integrity) => Finding::ok(check, "integrity, which forbids nothing that koney needs"),
        Some(Lockdown::Confidentiality) => Finding::missing(check, "confidentiality")
            .costs("the kernel refuses programs that read its memory, as all of koney's do")
            .mended_by("boot with lockdown=integrity or without lockdown="),
        None if facts.security.securityfs => Finding::ok(check, "not in this kernel"),
        None => Finding::ok(check, "not known"),
    }
}

fn modules(facts: &Facts) -> Finding {
    let check = "LSM list";
    match (&facts.security.modules, facts.environment.bpf_lsm) {
        (Some(list), Some(true)) => Finding::ok(check, list.as_str()),
        (Some(list), _) => {
            let cost = "LSM, which neither misses accesses where the kernel preempts, as fentry does, nor costs as much as a kprobe, \
                        cannot be used";
            let cost = match facts.taken {
                Some(method) => format!("{cost}; {method} is used instead"),
                None => cost.to_owned(),
            };
            Finding::missing(check, format!("`bpf` is not in {list}")).costs(cost).mended_by(boot_with_bpf(list))
        }
        (None, _) => Finding::ok(check, "not known; the canary tells whether LSM programs are called"),
    }
}

/// The boot parameter replaces the whole list, so the remedy repeats what is in force.
fn boot_with_bpf(list: &str) -> String {
    let separator = if list.is_empty() { "" } else { "," };
    format!("add lsm={list}{separator}bpf to the kernel's command line (the kernel needs CONFIG_BPF_LSM=y)")
}
