//! What earlier agents have left: told once, with its true time, and removed.

use std::collections::BTreeMap;

use koney_common::TrapKey;

use super::stream::Stream;
use crate::{
    event::{Observation, Operation},
    kernel::pins::Former,
    workload::Clock,
};

/// How much later the younger programs may have noted an access that both have seen.
const SKEW_NS: u64 = 1_000_000_000;

/// Earlier agents' sets that are still to be read.
#[derive(Default)]
pub(super) struct Formers {
    waiting: Vec<(Former, u32)>,
}

/// Accesses that earlier programs have told in the moment in which those of two agents told.
#[derive(Default)]
pub(super) struct Overlap {
    from_ns: u64,
    to_ns: u64,
    seen: BTreeMap<(u32, TrapKey, u8), u32>,
}

impl Formers {
    pub(super) fn new(formers: Vec<Former>) -> Self {
        Self { waiting: formers.into_iter().map(|former| (former, 0)).collect() }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Reads what can be read, once a second. A program may still have been writing its record: the rings are read twice.
    pub(super) fn read(&mut self, stream: &mut Stream) {
        let mut waiting = Vec::new();
        for (mut former, reads) in std::mem::take(&mut self.waiting) {
            if !former.is_free() {
                waiting.push((former, reads));
                continue;
            }
            stream.of_former(true);
            former.records(|record| {
                stream.record(record);
            });
            stream.of_former(false);
            if reads == 0 {
                waiting.push((former, reads + 1));
                continue;
            }
            stream.remains(former.remains());
            former.remove();
        }
        self.waiting = waiting;
    }
}

impl Overlap {
    /// Both sets of programs have told since then, until now.
    pub(super) fn since(from_ns: u64) -> Self {
        Self { from_ns, to_ns: Clock.boot_ns(), seen: BTreeMap::new() }
    }

    /// Notes what an earlier agent's program has seen.
    pub(super) fn note(&mut self, seen: &Observation) {
        if seen.boot_ns >= self.from_ns {
            *self.seen.entry(key(seen)).or_default() += 1;
        }
    }

    /// The access was told, as an earlier agent's; each only once.
    pub(super) fn is_told(&mut self, seen: &Observation) -> bool {
        if self.seen.is_empty() || seen.boot_ns > self.to_ns + SKEW_NS {
            return false;
        }
        match self.seen.get_mut(&key(seen)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        }
    }
}

fn key(seen: &Observation) -> (u32, TrapKey, u8) {
    let operation: Operation = seen.operation;
    (seen.subject.init_tid, seen.key, operation.code())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        event::Subject,
        kernel::{Fresh, Holder, Stamp},
        trap::Held,
    };

    fn access(tid: u32, boot_ns: u64) -> Observation {
        let file = Fresh { trap: 1, key: TrapKey::new(1, 2), stamp: Stamp::default() };
        let subject = Subject { init_tid: tid, ..Subject::default() };
        Held::observation(&Holder { pid: tid, file, flags: None, path: None }, boot_ns, subject)
    }

    #[test]
    fn what_both_have_seen_is_told_once() {
        let mut overlap = Overlap { from_ns: 100, to_ns: 200, seen: BTreeMap::new() };
        overlap.note(&access(7, 150));
        assert!(!overlap.is_told(&access(8, 151)), "another thread");
        assert!(overlap.is_told(&access(7, 151)));
        assert!(!overlap.is_told(&access(7, 152)), "a second access");
    }

    #[test]
    fn what_came_before_or_after_is_not_doubted() {
        let mut overlap = Overlap { from_ns: 100, to_ns: 200, seen: BTreeMap::new() };
        overlap.note(&access(7, 99));
        assert!(!overlap.is_told(&access(7, 151)));
        overlap.note(&access(7, 150));
        assert!(!overlap.is_told(&access(7, 201 + SKEW_NS)));
    }
}
