//! Programs of the host that touch decoys by their office: what they do is counted and logged, and nobody is alerted.

use std::{collections::HashSet, path::PathBuf};

use tracing::{debug, info};

use crate::{
    event::{Observation, Operation},
    trap::{Accessor, Hit, Place},
    workload::Program,
};

/// Where kubelets are installed.
const KUBELETS: [&str; 3] = ["/usr/bin/kubelet", "/usr/local/bin/kubelet", "/opt/bin/kubelet"];
/// Programs and traps that are logged by name.
const TOLD: usize = 1024;

/// Who is expected.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// They may read any decoy.
    named: Vec<PathBuf>,
    /// The kubelet writes, compares about once a minute, and removes the files of Secret volumes (`AtomicWriter`,
    /// `pkg/volume/util/atomic_writer.go`): to the decoys of containers it may do anything.
    kubelets: Vec<PathBuf>,
    told: HashSet<(PathBuf, String)>,
    total: u64,
}

impl Readers {
    /// These programs, and in a cluster the kubelet.
    pub(super) fn new(readers: Vec<PathBuf>, cluster: bool) -> Self {
        let kubelets = if cluster { KUBELETS.map(PathBuf::from).to_vec() } else { Vec::new() };
        Self { named: readers, kubelets, ..Self::default() }
    }

    /// The touch is one that is expected. Never by a process of a container, nor by a name.
    pub(super) fn expect(&mut self, seen: &Observation, hits: &[Hit]) -> bool {
        let subject = &seen.subject;
        let (Accessor::Host, Some(pid), Some(start_ns)) = (Accessor::of(subject), subject.pid, subject.start_ns) else {
            return false;
        };
        let of_containers = hits.iter().all(|hit| hit.place != Place::Host);
        let reading = self.named.iter().filter(|_| seen.operation == Operation::Open);
        let candidates = reading.chain(self.kubelets.iter().filter(|_| of_containers));
        let mut candidates = candidates.peekable();
        if candidates.peek().is_none() {
            return false;
        }
        let Some(running) = Program::run_by(pid, start_ns) else { return false };
        let Some(program) = candidates.find(|path| Program::at(path) == Some(running)).cloned() else { return false };
        self.total += 1;
        let (total, operation) = (self.total, seen.operation.name());
        let trap = hits.first().map(|hit| hit.file_path.to_string()).unwrap_or_default();
        let path = trap.escape_debug().to_string();
        if self.told.len() < TOLD && self.told.insert((program.clone(), trap)) {
            info!(program = %program.display(), path, operation, total, "an expected reader; it is logged once for each decoy");
        } else {
            debug!(program = %program.display(), path, operation, total, "an expected reader");
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{event::Subject, trap::ContainerPlace, workload::Completer};

    fn touch(operation: Operation) -> Observation {
        let subject: Subject = Completer::default().describe(Some(std::process::id()));
        // In a cluster this test may be in a container itself.
        let subject = Subject { cgroup_name: None, cgroup_parent_name: None, ..subject };
        Observation { operation, subject, ..crate::alert::build::tests::observation() }
    }

    fn hit(place: Place) -> Hit {
        Hit { place, policy: "p".into(), file_path: "/run/token".into() }
    }

    #[test]
    fn a_program_may_read_and_nothing_else() {
        let own = std::env::current_exe().expect("this test");
        let mut readers = Readers::new(vec!["/no/such/program".into(), own], false);
        assert!(readers.expect(&touch(Operation::Open), &[hit(Place::Host)]));
        assert!(!readers.expect(&touch(Operation::Unlink), &[hit(Place::Host)]));
        let mut inside = touch(Operation::Open);
        inside.subject.cgroup_name = Some(format!("cri-containerd-{}.scope", "a".repeat(64)));
        assert!(!readers.expect(&inside, &[hit(Place::Host)]), "in a container it may be any program");
        let mut later = touch(Operation::Open);
        later.subject.start_ns = Some(1);
        assert!(!readers.expect(&later, &[hit(Place::Host)]), "the number is another process's by now");
        assert!(!Readers::new(Vec::new(), true).expect(&touch(Operation::Open), &[hit(Place::Host)]));
    }

    #[test]
    fn a_kubelet_may_do_anything_to_the_decoys_of_containers() {
        let own = std::env::current_exe().expect("this test");
        let mut readers = Readers { kubelets: vec![own], ..Readers::default() };
        let container = Place::Container(Arc::new(ContainerPlace::default()));
        assert!(readers.expect(&touch(Operation::Unlink), &[hit(container.clone())]));
        assert!(!readers.expect(&touch(Operation::Unlink), &[hit(container), hit(Place::Host)]));
    }
}
