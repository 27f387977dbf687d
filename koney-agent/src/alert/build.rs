//! One alert per hit: the observation's facts, the policy's names, the owner's place.

use std::sync::Arc;

use koney_common::Repeats;

use super::{Accessor, Alert, AlertId, Container, Gap, Labels, Owner, Process, Purpose, Repeated, Trap, identity};
use crate::{
    event::{Check, Observation, Operation, Subject},
    trap::{self, ContainerPlace, Hit, Place},
    workload::{Clock, Host},
};

/// Builds the alert for one hit; `labels` are its policy's, `accessors` is the container of whoever touched it, where it is known.
#[must_use]
pub fn of_hit(
    seen: &Observation,
    hit: &Hit,
    labels: Arc<Labels>,
    accessors: Option<&ContainerPlace>,
    host: &Host,
    clock: Clock,
    detector: &'static str,
) -> Alert {
    Alert {
        id: identity::of(&host.boot_id, seen, &hit.policy, &hit.file_path),
        time: clock.wall(seen.boot_ns),
        policy: Some(hit.policy.to_string()),
        trap: Trap::FilesystemHoneytoken { file_path: hit.file_path.to_string() },
        operation: seen.operation,
        check: seen.check,
        node: Some(host.name.clone()),
        owner: owner(&hit.place, host),
        process: Some(process(&seen.subject, clock)),
        accessor: accessor(&hit.place, &seen.subject, accessors),
        accessed_path: seen.path.as_deref().filter(|path| *path != hit.file_path.as_ref()).map(str::to_owned),
        repeats: None,
        gap: None,
        detector,
        labels,
        cluster: None,
        cluster_uid: host.cluster_uid.get().cloned(),
        purpose: Purpose::Alert,
    }
}

/// The alert that tells of a gap in coverage on the host, noticed at `boot_ns`.
#[must_use]
pub fn gap(gap: Gap, boot_ns: u64, host: &Host, clock: Clock, detector: &'static str) -> Alert {
    Alert { gap: Some(gap), ..of_no_trap(identity::of_gap(&host.boot_id, boot_ns, gap), boot_ns, host, clock, detector) }
}

/// What is no alert and is sent like one: a heartbeat or a test, made at `boot_ns`.
#[must_use]
pub fn message(purpose: Purpose, boot_ns: u64, host: &Host, clock: Clock, detector: &'static str) -> Alert {
    Alert { purpose, ..of_no_trap(identity::of_message(&host.boot_id, boot_ns, purpose), boot_ns, host, clock, detector) }
}

/// Something of the host's own, which nobody has touched.
fn of_no_trap(id: AlertId, boot_ns: u64, host: &Host, clock: Clock, detector: &'static str) -> Alert {
    Alert {
        id,
        time: clock.wall(boot_ns),
        policy: None,
        trap: Trap::Unknown,
        operation: Operation::Open,
        check: Check::Identity,
        node: Some(host.name.clone()),
        owner: owner(&Place::Host, host),
        process: None,
        accessor: None,
        accessed_path: None,
        repeats: None,
        gap: None,
        detector,
        labels: Arc::default(),
        cluster: None,
        cluster_uid: host.cluster_uid.get().cloned(),
        purpose: Purpose::Alert,
    }
}

/// The alert that sums up what followed `first`.
#[must_use]
pub fn repeats(first: &Alert, counted: &Repeats, clock: Clock) -> Alert {
    let last = clock.wall(counted.last_ns);
    Alert {
        id: identity::of_repeats(&first.id, counted),
        time: last,
        repeats: Some(Repeated { count: counted.count, first: first.time, last }),
        ..first.clone()
    }
}

fn owner(place: &Place, host: &Host) -> Owner {
    match place {
        Place::Host => Owner::Host { name: host.name.clone(), machine_id: host.machine_id.clone() },
        Place::Container(place) => Owner::Container(container(place)),
    }
}

fn container(place: &ContainerPlace) -> Container {
    let ContainerPlace { id, root: _, sandboxed: _, runtime, namespace, pod, name, workload } = place.clone();
    Container { namespace, pod, name, id, runtime, workload }
}

/// On a bare host every process is the host's.
fn accessor(place: &Place, subject: &Subject, accessors: Option<&ContainerPlace>) -> Option<Accessor> {
    let accessor = trap::Accessor::of(subject);
    if *place == Place::Host || place.is_of(accessor) {
        return None;
    }
    Some(match accessor {
        trap::Accessor::Host => Accessor::Host,
        trap::Accessor::Container(id) => {
            Accessor::Container { id: id.to_owned(), container: accessors.map(|place| Box::new(container(place))) }
        }
    })
}

fn process(subject: &Subject, clock: Clock) -> Process {
    Process {
        pid: subject.pid,
        tid: subject.tid,
        uid: subject.uid,
        gid: subject.gid,
        login_uid: subject.login_uid,
        capabilities: subject.capabilities,
        comm: subject.comm.clone(),
        executable: subject.executable.clone(),
        arguments: subject.arguments.as_ref().map(|arguments| arguments.get(1..).unwrap_or_default().join(" ")),
        arguments_truncated: subject.arguments_truncated,
        cwd: subject.cwd.clone(),
        started: subject.start_ns.map(|start| clock.wall(start)),
        parent_pid: subject.parent.pid,
        parent_comm: subject.parent.comm.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use koney_common::TrapKey;

    use super::*;
    use crate::event::{Parent, PathKind};

    pub(crate) fn observation() -> Observation {
        Observation {
            boot_ns: 5_000,
            operation: Operation::Open,
            check: Check::Identity,
            trap: 1,
            key: TrapKey::new(1, 42),
            generation: None,
            nested: false,
            open_flags: Some(0),
            path: Some("/run/./token".to_owned()),
            path_kind: PathKind::Whole,
            root: None,
            subject: Subject {
                pid: Some(9),
                init_tid: 1009,
                uid: Some(0),
                arguments: Some(vec!["cat".to_owned(), "-n".to_owned(), "token".to_owned()]),
                parent: Parent { pid: Some(8), ..Parent::default() },
                ..Subject::default()
            },
        }
    }

    fn alert(path: &str) -> Alert {
        let hit = Hit { place: Place::Host, policy: "p".into(), file_path: path.into() };
        let host = Host { name: "node".to_owned(), machine_id: None, boot_id: "boot".to_owned(), cluster_uid: Arc::default() };
        of_hit(&observation(), &hit, Arc::default(), None, &host, Clock, "lsm")
    }

    #[test]
    fn arguments_leave_the_programs_name_out() {
        let process = alert("/run/token").process.expect("there is a process");
        assert_eq!(process.arguments.as_deref(), Some("-n token"));
        assert_eq!((process.pid, process.parent_pid), (Some(9), Some(8)));
    }

    #[test]
    fn a_summary_is_an_alert_of_its_own_about_the_same_access() {
        let first = alert("/run/token");
        let counted = Repeats { first_ns: 5_000, last_ns: 9_000, count: 3 };
        let summary = repeats(&first, &counted, Clock);
        assert_ne!(summary.id, first.id);
        assert_eq!(summary.id, repeats(&first, &counted, Clock).id);
        assert_eq!(summary.repeats.map(|repeated| repeated.count), Some(3));
        assert_eq!((summary.process, summary.policy), (first.process, first.policy));
    }

    #[test]
    fn another_name_really_used_is_told() {
        assert_eq!(alert("/run/token").accessed_path.as_deref(), Some("/run/./token"));
        assert_eq!(alert("/run/./token").accessed_path, None);
    }
}
