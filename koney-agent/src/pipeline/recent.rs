//! What was told lately: the last accesses, when each trap was touched last, and what was lost.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use jiff::Timestamp;

use crate::{
    admin::status::{Access, Container},
    alert::{Alert, GapCause, Owner, Trap},
};

/// Accesses that are kept.
const ACCESSES: usize = 20;

/// Bounded by the number of traps, and otherwise small.
#[derive(Debug, Default)]
pub(super) struct Recent {
    accesses: VecDeque<Access>,
    touched: HashMap<Place, Touched>,
    losses: BTreeMap<GapCause, (u64, Timestamp)>,
}

/// A trap: the id of its container, and its path.
pub(super) type Place = (Option<String>, String);

/// How a trap was touched since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Touched {
    pub(super) count: u64,
    pub(super) last: Timestamp,
}

impl Recent {
    /// Takes in what is about to go to the sinks.
    pub(super) fn note(&mut self, alert: &Alert) {
        if let Some(gap) = alert.gap {
            let (count, last) = self.losses.entry(gap.cause).or_insert((0, alert.time));
            *count = count.saturating_add(gap.count);
            *last = (*last).max(alert.time);
            return;
        }
        let Trap::FilesystemHoneytoken { file_path } = &alert.trap else { return };
        let (count, last) = alert.repeats.map_or((1, alert.time), |repeats| (repeats.count, repeats.last));
        let container = match &alert.owner {
            Owner::Host { .. } => None,
            Owner::Container(container) => Some(Container {
                namespace: container.namespace.clone(),
                pod: container.pod.clone(),
                name: container.name.clone(),
                id: container.id.clone(),
            }),
        };
        let access = Access {
            time: last,
            id: alert.id.as_str().to_owned(),
            operation: alert.operation.name().to_owned(),
            policies: alert.policy.iter().cloned().collect(),
            path: file_path.clone(),
            container,
            process: alert.process.as_ref().and_then(|process| process.comm.clone()),
            pid: alert.process.as_ref().and_then(|process| process.pid),
            count,
        };
        // Each policy has an alert of its own, one after the other.
        if let Some(same) = self.accesses.front_mut().filter(|same| is_same(same, &access)) {
            same.policies.extend(access.policies);
            return;
        }
        let place = (access.container.as_ref().map(|container| container.id.clone()), access.path.clone());
        let touched = self.touched.entry(place).or_insert(Touched { count: 0, last });
        touched.count = touched.count.saturating_add(count);
        touched.last = touched.last.max(last);
        self.accesses.push_front(access);
        self.accesses.truncate(ACCESSES);
    }

    /// Forgets traps that are none any more.
    pub(super) fn keep(&mut self, traps: &HashSet<Place>) {
        self.touched.retain(|place, _| traps.contains(place));
    }

    pub(super) fn touched(&self, place: &Place) -> Option<Touched> {
        self.touched.get(place).copied()
    }

    /// The newest first.
    pub(super) fn accesses(&self) -> Vec<Access> {
        self.accesses.iter().cloned().collect()
    }

    pub(super) fn losses(&self) -> impl Iterator<Item = (GapCause, u64, Timestamp)> {
        self.losses.iter().map(|(cause, (count, last))| (*cause, *count, *last))
    }
}

fn is_same(former: &Access, access: &Access) -> bool {
    let Access { time, operation, path, container, process, pid, count, id: _, policies } = access;
    (*time, operation, path, container) == (former.time, &former.operation, &former.path, &former.container)
        && (process, pid, *count) == (&former.process, &former.pid, former.count)
        && !policies.iter().any(|policy| former.policies.contains(policy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Repeated, samples};

    #[test]
    fn one_access_under_two_policies_is_one_and_a_summary_counts() {
        let mut recent = Recent::default();
        let first = samples::in_pod();
        recent.note(&first);
        recent.note(&Alert { policy: Some("other".to_owned()), ..first.clone() });
        let [access] = recent.accesses().try_into().expect("one access");
        assert_eq!(access.policies, ["deceptionpolicy-servicetoken", "other"]);
        let last = first.time.saturating_add(jiff::SignedDuration::from_secs(9)).expect("a time");
        recent.note(&Alert { repeats: Some(Repeated { count: 41, first: first.time, last }), ..first.clone() });
        let id = access.container.map(|container| container.id);
        let place = (id, "/run/secrets/koney/service_token".to_owned());
        assert_eq!(recent.touched(&place), Some(Touched { count: 42, last }));
        recent.keep(&HashSet::new());
        assert_eq!((recent.touched(&place), recent.accesses().len()), (None, 2));
    }

    #[test]
    fn the_last_accesses_are_kept_and_losses_are_summed_up() {
        let mut recent = Recent::default();
        for pid in 0..100 {
            let mut alert = samples::on_host();
            alert.process.as_mut().expect("there is one").pid = Some(pid);
            recent.note(&alert);
        }
        let accesses = recent.accesses();
        assert_eq!((accesses.len(), accesses.first().and_then(|access| access.pid)), (ACCESSES, Some(99)));
        recent.note(&samples::coverage());
        recent.note(&samples::coverage());
        let losses: Vec<_> = recent.losses().map(|(cause, count, _)| (cause, count)).collect();
        assert_eq!(losses, [(GapCause::RingFull, 24)]);
    }
}
