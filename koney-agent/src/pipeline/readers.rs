//! Who touches decoys by their office: what they do is counted and logged, and nobody is alerted.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use tracing::{debug, info};

use super::tally::Count;
use crate::{
    cluster::{Policy, Reader, pods::Pod},
    event::{Observation, Operation},
    trap::{Accessor, Hit, Place},
    workload::Program,
};

/// Where kubelets are installed.
const KUBELETS: [&str; 3] = ["/usr/bin/kubelet", "/usr/local/bin/kubelet", "/opt/bin/kubelet"];
/// Readers and traps that are logged by name.
const TOLD: usize = 1024;

/// Whom the policies that are in force expect, by their names; only those that expect somebody.
pub(super) type OfPolicies = HashMap<String, Vec<Reader>>;

/// Who is expected.
#[derive(Debug, Default)]
pub(super) struct Readers {
    /// They may read any decoy.
    named: Vec<Reader>,
    /// The kubelet writes, compares about once a minute, and removes the files of Secret volumes (`AtomicWriter`,
    /// `pkg/volume/util/atomic_writer.go`): to the decoys of containers it may do anything.
    kubelets: Vec<PathBuf>,
    told: HashSet<(String, String)>,
}

/// Who touched a decoy, as far as it matters here.
enum Who<'a> {
    /// A process of the host. The file that it runs is read when somebody asks.
    Host { running: Option<Program> },
    /// A process of a pod; of what is in no pod nobody is expected.
    Pod(&'a Pod),
}

impl Readers {
    /// These, and in a cluster the kubelet.
    pub(super) fn new(named: Vec<Reader>, cluster: bool) -> Self {
        let kubelets = if cluster { KUBELETS.map(PathBuf::from).to_vec() } else { Vec::new() };
        Self { named, kubelets, ..Self::default() }
    }

    /// The hits that nobody expects. `pod` is that of the process that touched the decoy.
    pub(super) fn unexpected(
        &mut self,
        seen: &Observation,
        hits: Vec<Hit>,
        pod: Option<&Pod>,
        of_policies: &OfPolicies,
        count: &Count,
    ) -> Vec<Hit> {
        if self.named.is_empty() && self.kubelets.is_empty() && of_policies.is_empty() {
            return hits;
        }
        let Some(who) = Who::of(seen, pod) else { return hits };
        let of_containers = hits.iter().all(|hit| hit.place != Place::Host);
        if of_containers && let Some(kubelet) = self.kubelets.iter().find(|path| who.runs(path)) {
            let kubelet = kubelet.display().to_string();
            self.tell(seen, &hits, &kubelet, count.add(1));
            return Vec::new();
        }
        if seen.operation != Operation::Open {
            return hits;
        }
        let mut reader = None;
        let is_expected = |hit: &mut Hit| {
            let of_policy = of_policies.get(&*hit.policy).into_iter().flatten();
            let expected = self.named.iter().chain(of_policy).find(|reader| who.is(reader));
            reader = reader.take().or_else(|| Some(who.name(expected?)));
            expected.is_some()
        };
        let mut unexpected = hits;
        let expected: Vec<_> = unexpected.extract_if(.., is_expected).collect();
        if let Some(reader) = reader {
            self.tell(seen, &expected, &reader, count.add(1));
        }
        unexpected
    }

    fn tell(&mut self, seen: &Observation, hits: &[Hit], reader: &str, total: u64) {
        let operation = seen.operation.name();
        let trap = hits.first().map(|hit| hit.file_path.to_string()).unwrap_or_default();
        let path = trap.escape_debug().to_string();
        if self.told.len() < TOLD && self.told.insert((reader.to_owned(), trap)) {
            info!(reader, path, operation, total, "an expected reader; it is logged once for each decoy");
        } else {
            debug!(reader, path, operation, total, "an expected reader");
        }
    }
}

impl<'a> Who<'a> {
    fn of(seen: &Observation, pod: Option<&'a Pod>) -> Option<Self> {
        match (Accessor::of(&seen.subject), pod) {
            (Accessor::Container(_), pod) => pod.map(Self::Pod),
            (Accessor::Host, _) => {
                let (pid, start_ns) = (seen.subject.pid?, seen.subject.start_ns?);
                Some(Self::Host { running: Program::run_by(pid, start_ns) })
            }
        }
    }

    fn is(&self, reader: &Reader) -> bool {
        match (reader, self) {
            (Reader::Program(path), _) => self.runs(path),
            (Reader::Pods(pods), Self::Pod(pod)) => pods.selects(pod),
            (Reader::Pods(_), Self::Host { .. }) => false,
        }
    }

    /// It is the host's process, and runs this file.
    fn runs(&self, path: &Path) -> bool {
        matches!(self, Self::Host { running: Some(running) } if Program::at(path) == Some(*running))
    }

    fn name(&self, reader: &Reader) -> String {
        match (self, reader) {
            (Self::Pod(pod), _) => format!("pod {}/{}", pod.namespace, pod.name),
            (Self::Host { .. }, Reader::Program(path)) => path.display().to_string(),
            (Self::Host { .. }, Reader::Pods(_)) => String::new(),
        }
    }
}

/// What the policies say.
pub(super) fn of_policies(policies: &[Policy]) -> Arc<OfPolicies> {
    let expecting = policies.iter().filter(|policy| !policy.readers.is_empty());
    Arc::new(expecting.map(|policy| (policy.name.clone(), policy.readers.clone())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Subject, trap::ContainerPlace, workload::Completer};

    fn touch(operation: Operation) -> Observation {
        let subject: Subject = Completer::default().describe(Some(std::process::id()));
        // In a cluster this test may be in a container itself.
        let subject = Subject { cgroup_name: None, cgroup_parent_name: None, ..subject };
        Observation { operation, subject, ..crate::alert::build::tests::observation() }
    }

    fn hit(place: &Place, policy: &str) -> Hit {
        Hit { place: place.clone(), policy: policy.into(), file_path: "/run/token".into() }
    }

    /// How many of the hits nobody expects.
    fn unexpected(readers: &mut Readers, seen: &Observation, places: &[Place]) -> usize {
        let hits = places.iter().map(|place| hit(place, "p")).collect();
        readers.unexpected(seen, hits, None, &OfPolicies::new(), &Count::default()).len()
    }

    fn own() -> PathBuf {
        std::env::current_exe().expect("this test")
    }

    fn in_container() -> Observation {
        let mut inside = touch(Operation::Open);
        inside.subject.cgroup_name = Some(format!("cri-containerd-{}.scope", "a".repeat(64)));
        inside
    }

    #[test]
    fn a_program_may_read_and_nothing_else() {
        let mut readers = Readers::new(vec![Reader::Program("/no/such/program".into()), Reader::Program(own())], false);
        assert_eq!(unexpected(&mut readers, &touch(Operation::Open), &[Place::Host]), 0);
        assert_eq!(unexpected(&mut readers, &touch(Operation::Unlink), &[Place::Host]), 1);
        assert_eq!(unexpected(&mut readers, &in_container(), &[Place::Host]), 1, "in a container it may be any program");
        let mut later = touch(Operation::Open);
        later.subject.start_ns = Some(1);
        assert_eq!(unexpected(&mut readers, &later, &[Place::Host]), 1, "the number is another process's by now");
        assert_eq!(unexpected(&mut Readers::new(Vec::new(), true), &touch(Operation::Open), &[Place::Host]), 1);
    }

    #[test]
    fn a_kubelet_may_do_anything_to_the_decoys_of_containers() {
        let mut readers = Readers { kubelets: vec![own()], ..Readers::default() };
        let container = Place::Container(Arc::new(ContainerPlace::default()));
        assert_eq!(unexpected(&mut readers, &touch(Operation::Unlink), std::slice::from_ref(&container)), 0);
        assert_eq!(unexpected(&mut readers, &touch(Operation::Unlink), &[container, Place::Host]), 2);
    }

    #[test]
    fn pods_may_read_what_they_are_expected_to_read_and_a_policy_speaks_for_itself() {
        let pod = Pod { namespace: "backup".to_owned(), name: "restic-1".to_owned(), ..Pod::default() };
        let hits = || vec![hit(&Place::Host, "expects"), hit(&Place::Host, "does-not")];
        let reader = || vec!["backup".parse().expect("a reader")];
        let of_policies: OfPolicies = [("expects".to_owned(), reader())].into();
        let left = |readers: &mut Readers, seen: &Observation, pod: Option<&Pod>, of: &OfPolicies| {
            readers
                .unexpected(seen, hits(), pod, of, &Count::default())
                .into_iter()
                .map(|hit| hit.policy.to_string())
                .collect::<Vec<_>>()
        };
        let mut none = Readers::default();
        assert_eq!(left(&mut none, &in_container(), Some(&pod), &of_policies), ["does-not"]);
        assert_eq!(left(&mut none, &in_container(), None, &of_policies).len(), 2, "a container of nobody");
        assert_eq!(
            left(&mut none, &touch(Operation::Open), Some(&pod), &of_policies).len(),
            2,
            "a process of the host is of no pod"
        );
        let mut all = Readers::new(reader(), false);
        assert_eq!(left(&mut all, &in_container(), Some(&pod), &OfPolicies::new()), [""; 0]);
        let mut deleting = in_container();
        deleting.operation = Operation::Unlink;
        assert_eq!(
            left(&mut all, &deleting, Some(&pod), &OfPolicies::new()).len(),
            2,
            "who is expected to read is not to delete"
        );
    }
}
