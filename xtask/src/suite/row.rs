//! One scenario in one kernel by one attach method. Pure.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::facts::Facts;
use crate::{cli::Attach, vm::kernel::compare};

/// A scenario's outcome as the suite's program tells it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Told {
    id: String,
    expected: u64,
    alerts: u64,
    missed: u64,
    skipped: Option<String>,
    title: String,
    since: Option<String>,
    holds: bool,
    detail: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The outcome with where it was had; readers of the report rely on the first nine keys and their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) kernel: String,
    pub(crate) arch: String,
    pub(crate) preempt: String,
    pub(crate) attach: String,
    pub(crate) expected: u64,
    pub(crate) alerts: u64,
    pub(crate) missed: u64,
    pub(crate) skipped: Option<String>,
    pub(crate) title: String,
    /// The first kernel series that can support a scenario that was skipped.
    pub(crate) since: Option<String>,
    /// The program's own verdict.
    pub(crate) holds: bool,
    pub(crate) detail: Option<String>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// What a row comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// As expected.
    Holds,
    /// As expected of a method that misses: the misses are counted.
    Misses,
    /// Not run, and rightly so.
    Skipped(String),
    /// Not as expected, and why.
    Failed(String),
}

impl Told {
    /// With the place where it was told.
    pub(crate) fn at(self, facts: &Facts, attach: Attach) -> Row {
        let Self { id, expected, alerts, missed, skipped, title, since, holds, detail, mut rest } = self;
        for ours in ["kernel", "arch", "preempt", "attach"] {
            rest.remove(ours);
        }
        Row {
            id,
            kernel: facts.kernel.clone(),
            arch: facts.arch.debian().to_owned(),
            preempt: facts.preempt.clone(),
            attach: attach.name().to_owned(),
            expected,
            alerts,
            missed,
            skipped,
            title,
            since,
            holds,
            detail,
            rest,
        }
    }
}

impl Row {
    /// What it comes to.
    pub(crate) fn mark(&self) -> Mark {
        let detail = self.detail.as_deref();
        if let Some(reason) = &self.skipped {
            return match &self.since {
                _ if !self.holds => Mark::Failed(detail.unwrap_or(reason).to_owned()),
                Some(since) if compare(&self.kernel, since).is_ge() => {
                    Mark::Failed(format!("skipped ({reason}), but kernels from {since} on can support it"))
                }
                _ => Mark::Skipped(reason.clone()),
            };
        }
        let count = || format!("{} of {} alerts, {} missed", self.alerts, self.expected, self.missed);
        if !self.holds {
            return Mark::Failed(detail.map_or_else(count, |detail| format!("{detail} ({})", count())));
        }
        // A count that is off and that nothing accounts for is not believed.
        if self.missed == 0 && self.alerts != self.expected && detail.is_none() {
            return Mark::Failed(format!("{}, and yet said to hold", count()));
        }
        if self.missed > 0 { Mark::Misses } else { Mark::Holds }
    }

    /// The series of its kernel.
    pub(crate) fn series(&self) -> String {
        self.kernel.split('.').take(2).collect::<Vec<_>>().join(".")
    }

    /// The order of reports: kernel, architecture, preemption, method, scenario.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        let place = |row: &Self| Attach::ALL.iter().position(|attach| attach.name() == row.attach);
        let mode = |row: &Self| ["none", "voluntary", "lazy", "full"].iter().position(|mode| *mode == row.preempt);
        (self.arch.cmp(&other.arch))
            .then_with(|| compare(&self.kernel, &other.kernel))
            .then_with(|| mode(self).cmp(&mode(other)))
            .then_with(|| place(self).cmp(&place(other)))
            .then_with(|| compare(&self.id, &other.id))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::arch::Arch;

    /// A row that holds; the tests of other files change it as they need.
    pub(crate) fn row(id: &str, kernel: &str, attach: Attach) -> Row {
        let facts = Facts { kernel: kernel.to_owned(), arch: Arch::Amd64, preempt: "voluntary".to_owned(), lsm: Vec::new() };
        let told = format!(
            r#"{{"id":"{id}","title":"title of {id}","expected":1,"alerts":1,"missed":0,"skipped":null,"since":null,"holds":true,"detail":null,"operation":"open","kernel":"?"}}"#
        );
        serde_json::from_str::<Told>(&told).expect("valid").at(&facts, attach)
    }

    fn skipped(since: Option<&str>) -> Row {
        Row { skipped: Some("no io_uring".to_owned()), since: since.map(str::to_owned), ..row("E16", "5.10.260", Attach::Lsm) }
    }

    #[test]
    fn keys_keep_their_order_and_further_ones_follow() {
        let text = serde_json::to_string(&row("E1", "6.12.117", Attach::Fentry)).expect("plain data");
        let start = r#"{"id":"E1","kernel":"6.12.117","arch":"amd64","preempt":"voluntary","attach":"fentry","expected":1,"alerts":1,"missed":0,"skipped":null,"title":"#;
        assert!(text.starts_with(start), "{text}");
        assert!(text.ends_with(r#""operation":"open"}"#), "{text}");
    }

    #[test]
    fn a_skip_on_a_kernel_that_could_is_a_failure() {
        assert_eq!(skipped(None).mark(), Mark::Skipped("no io_uring".to_owned()));
        assert_eq!(skipped(Some("5.11")).mark(), Mark::Skipped("no io_uring".to_owned()));
        assert!(matches!(skipped(Some("5.10")).mark(), Mark::Failed(_)));
        assert!(matches!(skipped(Some("5.9")).mark(), Mark::Failed(_)));
        assert!(matches!(Row { holds: false, ..skipped(None) }.mark(), Mark::Failed(_)));
    }

    #[test]
    fn counts_that_nothing_accounts_for_are_not_believed() {
        let row = row("E1", "6.12.117", Attach::Lsm);
        assert_eq!(row.mark(), Mark::Holds);
        assert!(matches!(Row { alerts: 0, ..row.clone() }.mark(), Mark::Failed(_)));
        assert_eq!(Row { alerts: 0, missed: 1, ..row.clone() }.mark(), Mark::Misses);
        let told = Row { alerts: 2, detail: Some("a range was expected".to_owned()), ..row.clone() };
        assert_eq!(told.mark(), Mark::Holds);
        let failed = Row { holds: false, detail: Some("wrong owner".to_owned()), ..row };
        assert_eq!(failed.mark(), Mark::Failed("wrong owner (1 of 1 alerts, 0 missed)".to_owned()));
    }

    #[test]
    fn rows_are_ordered_by_number() {
        let mut rows = [
            row("E10", "6.1.170", Attach::Lsm),
            row("E9-crun", "6.1.170", Attach::Lsm),
            row("E9", "6.1.170", Attach::Lsm),
            row("E1", "6.12.1", Attach::Lsm),
            row("E1", "6.1.170", Attach::Kprobe),
        ];
        rows.sort_by(Row::order);
        let order: Vec<_> = rows.iter().map(|row| format!("{} {} {}", row.kernel, row.attach, row.id)).collect();
        assert_eq!(order, ["6.1.170 lsm E9", "6.1.170 lsm E9-crun", "6.1.170 lsm E10", "6.1.170 kprobe E1", "6.12.1 lsm E1"]);
    }

    #[test]
    fn a_line_that_lacks_a_key_is_refused() {
        assert!(serde_json::from_str::<Told>(r#"{"id":"E1","title":"t"}"#).is_err());
    }
}
