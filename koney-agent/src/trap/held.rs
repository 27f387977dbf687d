//! Descriptors that are older than their trap: each is told once, and not where a hook has told of the same process already.

use std::collections::{HashSet, VecDeque};

use koney_common::TrapKey;

use crate::{
    event::{Check, Observation, Operation, PathKind, Subject},
    kernel::Holder,
};

/// Opens remembered. Between the arming of a trap and the end of the search for its descriptors there are hardly more.
const REMEMBERED: usize = 4096;

/// Who has opened which file under the hooks' eyes lately.
#[derive(Debug, Default)]
pub struct Held {
    opened: HashSet<(u32, TrapKey)>,
    order: VecDeque<(u32, TrapKey)>,
}

impl Held {
    /// Remembers an access that was told.
    pub fn note(&mut self, seen: &Observation) {
        let Some(pid) = seen.subject.pid else { return };
        if !self.opened.insert((pid, seen.key)) {
            return;
        }
        self.order.push_back((pid, seen.key));
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.opened.remove(&oldest);
        }
    }

    /// The descriptor may come from an open that was told. Ask once the records were read up to a point after the search.
    #[must_use]
    pub fn is_told(&self, holder: &Holder) -> bool {
        self.opened.contains(&(holder.pid, holder.file.key))
    }

    /// What is told of a descriptor that was found at that moment, given all that `/proc` says of its process.
    #[must_use]
    pub fn observation(holder: &Holder, boot_ns: u64, subject: Subject) -> Observation {
        Observation {
            boot_ns,
            operation: Operation::Held,
            check: Check::Identity,
            trap: holder.file.trap,
            key: holder.file.key,
            generation: None,
            nested: false,
            open_flags: holder.flags,
            path: holder.path.clone(),
            path_kind: PathKind::Whole,
            root: None,
            subject,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Fresh, Stamp};

    fn holder(pid: u32, inode: u64) -> Holder {
        Holder { pid, file: Fresh { trap: 1, key: TrapKey::new(1, inode), stamp: Stamp::default() }, flags: None, path: None }
    }

    fn opened(pid: u32, inode: u64) -> Observation {
        Held::observation(&holder(pid, inode), 1, Subject { pid: Some(pid), ..Subject::default() })
    }

    #[test]
    fn what_a_hook_has_told_is_not_told_again() {
        let mut held = Held::default();
        held.note(&opened(10, 5));
        assert!(held.is_told(&holder(10, 5)));
        assert!(!held.is_told(&holder(11, 5)), "another process");
        assert!(!held.is_told(&holder(10, 6)), "another file");
    }

    #[test]
    fn only_so_much_is_remembered() {
        let mut held = Held::default();
        (0..=REMEMBERED as u64).for_each(|inode| held.note(&opened(10, inode)));
        assert_eq!((held.opened.len(), held.order.len()), (REMEMBERED, REMEMBERED));
        assert!(!held.is_told(&holder(10, 0)) && held.is_told(&holder(10, 1)));
    }
}
