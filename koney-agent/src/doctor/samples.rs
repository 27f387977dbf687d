//! Machines to try the findings on.

use super::{
    facts::{Blocked, Facts},
    machine::{Cgroups, Lockdown, Privilege, Security},
};
use crate::kernel::{Environment, Fired, Method, Preemption, Trial};

pub(super) const WITH_BPF: &str = "lockdown,capability,landlock,yama,apparmor,bpf";
const WITHOUT_BPF: &str = "lockdown,capability,yama,apparmor";
const EPERM: &str = "refused at load (Operation not permitted (os error 1)), the verifier said nothing";

pub(super) fn fired(method: Method) -> Trial {
    Trial { method, outcome: Ok(Fired { tells_misses: true, unwatched: Vec::new() }) }
}

pub(super) fn refused(method: Method) -> Trial {
    Trial { method, outcome: Err(EPERM.to_owned()) }
}

pub(super) fn left_alone(method: Method, reason: &str) -> Trial {
    Trial { method, outcome: Err(format!("not tried, {reason}")) }
}

/// 6.12 with all there is, and root.
pub(super) fn complete() -> Facts {
    Facts {
        environment: Environment {
            release: "6.12.117-cloud-amd64".to_owned(),
            bpf_lsm: Some(true),
            preemption: Preemption::None,
        },
        has_programs: true,
        absent_members: Ok(Vec::new()),
        privilege: Privilege { effective: u64::MAX, initial_user_ns: true, unlimited_memory: false, seccomp_filter: false },
        security: Security { securityfs: true, modules: Some(WITH_BPF.to_owned()), lockdown: Some(Lockdown::None) },
        unprivileged_bpf: Some("2".to_owned()),
        trials: Ok(Method::ALL.iter().copied().map(fired).collect()),
        taken: Some(Method::Lsm),
        fanotify: Ok(()),
        cgroups: Cgroups { v1: false, v2: true, names_from_v1: false },
        initial_pid_ns: true,
        openat2: Ok(()),
        bpffs: true,
        root_certificates: 142,
        manifests: None,
        cluster: None,
    }
}

/// Debian's 5.10, which does not list bpf.
pub(super) fn old_without_bpf_lsm() -> Facts {
    let environment =
        Environment { release: "5.10.0-32-cloud-amd64".to_owned(), bpf_lsm: Some(false), preemption: Preemption::None };
    Facts {
        environment,
        security: Security { securityfs: true, modules: Some(WITHOUT_BPF.to_owned()), lockdown: Some(Lockdown::None) },
        trials: Ok(vec![
            left_alone(Method::Lsm, "`bpf` is not in /sys/kernel/security/lsm"),
            Trial { method: Method::Fentry, outcome: Ok(Fired { tells_misses: false, unwatched: Vec::new() }) },
            left_alone(Method::Kprobe, "before 6.1 the kernel warns of such a program"),
        ]),
        taken: Some(Method::Fentry),
        ..complete()
    }
}

/// A kernel that refuses every program and fanotify too, in this mode of lockdown.
pub(super) fn refusing(lockdown: Option<Lockdown>) -> Facts {
    Facts {
        security: Security { lockdown, ..complete().security },
        trials: Ok(Method::ALL.iter().copied().map(refused).collect()),
        taken: None,
        fanotify: no_fanotify(),
        ..complete()
    }
}

fn no_fanotify() -> Result<(), String> {
    Err("fanotify is refused (fanotify_init: Operation not permitted (os error 1)); it needs CAP_SYS_ADMIN".to_owned())
}

pub(super) fn blocked(reason: &str) -> Facts {
    Facts { trials: Err(Blocked(reason.to_owned())), taken: None, fanotify: no_fanotify(), ..complete() }
}

/// The user nobody.
pub(super) fn unprivileged() -> Facts {
    let blocked = blocked("not enough privilege for eBPF: CAP_PERFMON and CAP_BPF missing; run as root, or grant them");
    Facts { privilege: Privilege { effective: 0, ..complete().privilege }, ..blocked }
}

/// Full preemption, where fentry is all there is.
pub(super) fn preempting() -> Facts {
    let environment = Environment { preemption: Preemption::Full, bpf_lsm: Some(false), ..complete().environment };
    Facts {
        environment,
        security: Security { modules: Some(WITHOUT_BPF.to_owned()), ..complete().security },
        trials: Ok(vec![
            left_alone(Method::Lsm, "`bpf` is not in /sys/kernel/security/lsm"),
            fired(Method::Fentry),
            refused(Method::Kprobe),
        ]),
        taken: Some(Method::Fentry),
        ..complete()
    }
}
