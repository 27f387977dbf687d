//! What this process may do, and what for.

use super::super::{
    facts::Facts,
    finding::{Finding, Weight},
};

/// `include/uapi/linux/capability.h`.
const DAC_OVERRIDE: u32 = 1;
const DAC_READ_SEARCH: u32 = 2;
const SYS_ADMIN: u32 = 21;
const SYS_RESOURCE: u32 = 24;
const PERFMON: u32 = 38;
const BPF: u32 = 39;

const GRANT: &str = "run as root, or grant it: `setcap cap_bpf,cap_perfmon,cap_dac_read_search+ep` on the binary, \
                     `securityContext.capabilities.add` in Kubernetes";

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut all = vec![
        for_programs(facts, "CAP_BPF", BPF, "to load programs and maps"),
        for_programs(facts, "CAP_PERFMON", PERFMON, "to attach programs that read kernel memory"),
        for_decoys(facts),
        for_fallback(facts),
    ];
    all.extend(user_namespace(facts));
    all.push(memory(facts));
    all.extend(seccomp(facts));
    all.push(unprivileged(facts));
    all
}

fn for_programs(facts: &Facts, name: &str, capability: u32, purpose: &str) -> Finding {
    let found = if facts.privilege.has(capability) {
        Finding::ok(name, format!("held, {purpose}"))
    } else if facts.privilege.has(SYS_ADMIN) {
        Finding::ok(name, format!("CAP_SYS_ADMIN stands for it, {purpose}"))
    } else {
        Finding::missing(name, format!("not held; needed {purpose}")).costs("no detection by eBPF").mended_by(GRANT)
    };
    found.weighing(Weight::Privilege)
}

fn for_decoys(facts: &Facts) -> Finding {
    let check = "CAP_DAC_READ_SEARCH";
    if facts.privilege.has(DAC_READ_SEARCH) {
        Finding::ok(check, "held, to reach decoys of every owner")
    } else if facts.privilege.has(DAC_OVERRIDE) {
        Finding::ok(check, "CAP_DAC_OVERRIDE stands for it, to reach decoys of every owner")
    } else {
        Finding::degraded(check, "not held; needed to reach decoys of every owner")
            .costs("decoys that this process may not read are not watched")
            .mended_by(GRANT)
    }
}

fn for_fallback(facts: &Facts) -> Finding {
    let held = if facts.privilege.has(SYS_ADMIN) { "held" } else { "not held" };
    Finding::ok("CAP_SYS_ADMIN", format!("{held}; eBPF does not need it, fanotify does"))
}

/// Said only where it is the reason: a program that fired has had the privilege.
fn user_namespace(facts: &Facts) -> Option<Finding> {
    if facts.privilege.initial_user_ns || facts.taken.is_some() {
        return None;
    }
    let found = Finding::missing("user namespace", "not the initial one")
        .costs("the capabilities above do not count for eBPF")
        .mended_by("run the agent outside of user namespaces, in Kubernetes with hostUsers: true");
    Some(found.weighing(Weight::Privilege))
}

fn memory(facts: &Facts) -> Finding {
    let check = "locked memory";
    // From then on maps are charged to the cgroup.
    if !facts.environment.older_than(5, 11) {
        Finding::ok(check, "RLIMIT_MEMLOCK does not bound maps from 5.11 on")
    } else if facts.privilege.unlimited_memory {
        Finding::ok(check, "RLIMIT_MEMLOCK is unlimited")
    } else if facts.privilege.has(SYS_RESOURCE) || facts.taken.is_some() {
        Finding::ok(check, "the agent raises RLIMIT_MEMLOCK as far as it needs")
    } else {
        Finding::missing(check, "RLIMIT_MEMLOCK bounds maps before 5.11, and CAP_SYS_RESOURCE is not held")
            .costs("the kernel refuses koney's maps")
            .mended_by("grant CAP_SYS_RESOURCE, or set the limit to unlimited (`LimitMEMLOCK=infinity` in systemd)")
            .weighing(Weight::Privilege)
    }
}

/// Said only where it may be the reason.
fn seccomp(facts: &Facts) -> Option<Finding> {
    (facts.privilege.seccomp_filter && facts.taken.is_none()).then(|| {
        Finding::missing("seccomp", "a filter is in force")
            .costs("it may refuse bpf() and perf_event_open() whatever the capabilities")
            .mended_by("if the methods below are refused with EPERM, try without it: `seccompProfile: Unconfined` in Kubernetes")
    })
}

fn unprivileged(facts: &Facts) -> Finding {
    let value = facts.unprivileged_bpf.as_deref().unwrap_or("not known");
    Finding::ok("unprivileged eBPF", format!("kernel.unprivileged_bpf_disabled is {value}; koney needs no kernel.bpf_* setting"))
}
