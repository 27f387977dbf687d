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
/// How long before the moment an access may have begun that both have seen: the older program was still writing its record.
const UNDER_WAY_NS: u64 = 100_000_000;

/// Earlier agents' sets that are still to be read.
#[derive(Default)]
pub(super) struct Formers {
    waiting: Vec<(Former, u32)>,
}

/// Accesses of the moment in which the programs of two agents told, as far as only one of the two has told them.
#[derive(Default)]
pub(super) struct Overlap {
    from_ns: u64,
    to_ns: u64,
    /// How many more of the earlier agent's were read than of this one's.
    seen: BTreeMap<(u32, TrapKey, u8), i64>,
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
            stream.commit();
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

    /// What an earlier agent's program has seen was told already, as this one's: each only once, whichever is read first.
    pub(super) fn is_told_of_former(&mut self, seen: &Observation) -> bool {
        let both = seen.boot_ns.saturating_add(UNDER_WAY_NS) >= self.from_ns && self.to_ns > 0;
        both && self.settle(seen, 1)
    }

    /// What this agent's program has seen was told already, as an earlier agent's.
    pub(super) fn is_told(&mut self, seen: &Observation) -> bool {
        let both = seen.boot_ns >= self.from_ns && seen.boot_ns <= self.to_ns.saturating_add(SKEW_NS) && self.to_ns > 0;
        both && self.settle(seen, -1)
    }

    /// Notes one more of one side; true where it makes up for one of the other.
    fn settle(&mut self, seen: &Observation, side: i64) -> bool {
        let balance = self.seen.entry(key(seen)).or_default();
        let made_up = *balance * side < 0;
        *balance += side;
        made_up
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

    fn moment() -> Overlap {
        Overlap { from_ns: 500_000_000, to_ns: 500_000_100, seen: BTreeMap::new() }
    }

    #[test]
    fn what_both_have_seen_is_told_once_whichever_is_read_first() {
        let mut overlap = moment();
        assert!(!overlap.is_told_of_former(&access(7, 500_000_050)));
        assert!(!overlap.is_told(&access(8, 500_000_051)), "another thread");
        assert!(overlap.is_told(&access(7, 500_000_051)));
        assert!(!overlap.is_told(&access(7, 500_000_052)), "a second access");
        // Its record was still being written when the younger one's was read.
        let mut overlap = moment();
        assert!(!overlap.is_told(&access(7, 500_000_150)));
        assert!(overlap.is_told_of_former(&access(7, 499_990_000)));
        assert!(!overlap.is_told_of_former(&access(7, 499_990_001)), "a second access");
    }

    #[test]
    fn what_came_before_or_after_is_not_doubted() {
        let mut overlap = moment();
        assert!(!overlap.is_told_of_former(&access(7, 100)));
        assert!(!overlap.is_told(&access(7, 500_000_050)), "the first one was long before");
        let mut overlap = moment();
        assert!(!overlap.is_told_of_former(&access(7, 500_000_050)));
        assert!(!overlap.is_told(&access(7, 500_000_101 + SKEW_NS)));
        let mut never = Overlap::default();
        assert!(!never.is_told(&access(7, 1)) && !never.is_told_of_former(&access(7, 1)) && !never.is_told(&access(7, 1)));
    }
}
