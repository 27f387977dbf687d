//! What surrounds the agent: namespaces, hierarchies, system calls, certificates.

use super::super::{
    facts::Facts,
    fields::{self, CONTAINER},
    finding::{Finding, Weight},
};
use crate::cluster::{Receiver, SecretState, Sink};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    vec![openat2(facts), cgroups(facts), pid_namespace(facts), bpffs(facts), certificates(facts)]
}

fn openat2(facts: &Facts) -> Finding {
    let check = "openat2";
    let found = match &facts.openat2 {
        Ok(()) => Finding::ok(check, "works"),
        Err(error) => Finding::missing(check, error.as_str())
            .costs("decoys cannot be looked up safely, so no trap is armed")
            .mended_by("allow openat2 in the sandbox around the agent (Linux has it since 5.6)"),
    };
    found.weighing(Weight::Essential)
}

fn cgroups(facts: &Facts) -> Finding {
    let (check, cgroups) = ("cgroups", facts.cgroups);
    let version = match (cgroups.v1, cgroups.v2) {
        (true, true) => "v1 and v2 (hybrid)",
        (true, false) => "v1",
        (false, true) => "v2",
        (false, false) => {
            return Finding::missing(check, "not mounted")
                .costs("containers are not told apart in alerts")
                .mended_by("mount -t cgroup2 cgroup2 /sys/fs/cgroup");
        }
    };
    let nameless = |why: String| {
        Finding::degraded(check, format!("{version}; {why}"))
            .costs("alerts do not name the container's cgroup")
            .mended_by("use cgroup v2, or v1 with the memory controller")
    };
    let by = if cgroups.names_from_v1 { "the memory controller of v1" } else { "v2" };
    let lacking = facts.absent_members.as_ref().ok().and_then(|absent| {
        let container = fields::all(cgroups.names_from_v1).iter().find(|field| field.name == CONTAINER)?;
        Some(container.lacks(absent)).filter(|lacking| !lacking.is_empty())
    });
    match lacking {
        Some(members) => nameless(format!("this kernel does not tell {}", members.join(", "))),
        None if !cgroups.names_from_v1 && !cgroups.v2 => nameless("the memory controller is not mounted".to_owned()),
        None => Finding::ok(check, format!("{version}; containers are named by {by}")),
    }
}

fn pid_namespace(facts: &Facts) -> Finding {
    let check = "pid namespace";
    if facts.initial_pid_ns {
        return Finding::ok(check, "the initial one");
    }
    Finding::degraded(check, "one of its own")
        .costs(
            "alerts tell process ids as this namespace numbers them: those of processes outside are absent, and what a record \
                lacks is not completed from /proc",
        )
        .mended_by("run the agent on the host itself, in Kubernetes with hostPID: true")
}

fn bpffs(facts: &Facts) -> Finding {
    let check = "bpffs";
    if facts.bpffs {
        return Finding::ok(check, "mounted");
    }
    Finding::missing(check, "not mounted")
        .costs("nothing today: programs are not pinned yet")
        .mended_by("mount -t bpf bpf /sys/fs/bpf")
}

fn certificates(facts: &Facts) -> Finding {
    let check = "root certificates";
    if facts.root_certificates > 0 {
        return Finding::ok(check, format!("{} of the system", facts.root_certificates));
    }
    let sinks = facts.manifests.iter().flatten().flat_map(|snapshot| &snapshot.sinks);
    let depending: Vec<_> = sinks.filter(|sink| has_no_roots(sink)).map(|sink| sink.name.as_str()).collect();
    let found = if depending.is_empty() {
        Finding::missing(check, "none").costs("a sink over https needs `caBundle` in its Secret")
    } else {
        Finding::degraded(check, "none").costs(format!("alerts do not reach {}", depending.join(", ")))
    };
    found.mended_by("install ca-certificates, or put `caBundle` into the Secrets of the sinks")
}

fn has_no_roots(sink: &Sink) -> bool {
    let SecretState::Found(secret) = &sink.secret else { return false };
    sink.spec.receiver().is_some_and(Receiver::is_encrypted) && secret.get("caBundle").is_none()
}
