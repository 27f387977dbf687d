//! What a guest's output comes to. Pure.

use std::collections::BTreeSet;

use super::{
    facts::Facts,
    row::{Mark, Row},
    transcript::{Said, Transcript},
};
use crate::{cli::Attach, counts::Counts};

/// The last scenario of the numbered list, and those of it that take a cluster.
const LAST: u32 = 58;
const OF_A_CLUSTER: [u32; 6] = [30, 34, 45, 46, 48, 55];

/// The result of one method in one kernel.
#[derive(Debug)]
pub(crate) struct Result {
    /// Kernel, architecture, preemption and method, as text.
    pub(crate) place: String,
    pub(crate) rows: Vec<Row>,
    /// The kernel lacks the method, and why.
    pub(crate) lacks: Option<String>,
    /// What is wrong besides rows that fail.
    pub(crate) problems: Vec<String>,
}

/// Judges what was said by one method; `whole` if nothing was left out on purpose.
pub(crate) fn said(said: Said, facts: &Facts, whole: bool) -> Result {
    let Said { attach, announced, rows, lacks, unreadable, status } = said;
    let place = place(facts, attach);
    let mut problems: Vec<_> = unreadable.into_iter().map(|line| format!("unreadable: {line}")).collect();
    let rows: Vec<Row> = rows.into_iter().map(|told| told.at(facts, attach)).collect();
    let failed = rows.iter().any(|row| matches!(row.mark(), Mark::Failed(_)));
    match status.as_deref() {
        None => problems.push("its program did not end".to_owned()),
        Some("0") => {}
        // The rows say it already.
        Some("1") if failed => {}
        Some(status) => problems.push(format!("its program ended with status {status}")),
    }
    if let Some(reason) = &lacks {
        if !may_lack(attach, facts) {
            problems.push(format!("this kernel has {}, whatever its program says: {reason}", attach.name()));
        }
        if !rows.is_empty() {
            problems.push("has rows although its program says that the kernel lacks it".to_owned());
        }
        return Result { place, rows, lacks, problems };
    }
    match announced {
        None => problems.push("its program announced no rows".to_owned()),
        Some(count) if count != rows.len() => {
            let last = rows.last().map_or("none", |row| row.id.as_str());
            problems.push(format!("{} of {count} rows came, the last one was {last}", rows.len()));
        }
        Some(_) => {}
    }
    let mut seen = BTreeSet::new();
    for row in &rows {
        if !seen.insert(row.id.as_str()) {
            problems.push(format!("{} came twice", row.id));
        }
    }
    if whole {
        let missing: Vec<_> = required().filter(|id| !seen.contains(id.as_str())).collect();
        if !missing.is_empty() {
            problems.push(format!("no row for {}", missing.join(", ")));
        }
    }
    Result { place, rows, lacks, problems }
}

/// The methods that were to be tried and of which nothing was heard.
pub(crate) fn silent(transcript: &Transcript, wanted: &[Attach]) -> Vec<Attach> {
    let heard = |attach: &Attach| transcript.said.iter().any(|said| said.attach == *attach);
    wanted.iter().copied().filter(|attach| !heard(attach)).collect()
}

/// The scenarios that a whole run cannot do without.
fn required() -> impl Iterator<Item = String> {
    (1..=LAST).filter(|number| !OF_A_CLUSTER.contains(number)).map(|number| format!("E{number}"))
}

/// A kernel can truly lack a method only so: LSM programs where `bpf` is no security module, and what hangs on trampolines where arm64
/// cannot attach them yet, which is before 6.4.
fn may_lack(attach: Attach, facts: &Facts) -> bool {
    let no_trampolines = facts.arch == crate::arch::Arch::Arm64 && facts.older_than("6.4");
    match attach {
        Attach::Lsm => no_trampolines || facts.lsm.iter().all(|name| name != "bpf"),
        Attach::Fentry => no_trampolines,
        Attach::Kprobe | Attach::Fanotify => false,
    }
}

/// Where something was tried, as text.
pub(crate) fn place(facts: &Facts, attach: Attach) -> String {
    format!("{} {} preempt={} {}", facts.kernel, facts.arch.debian(), facts.preempt, attach.name())
}

impl Result {
    /// How many rows hold, fail and are skipped; a problem counts as a failure.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { failed: u32::try_from(self.problems.len()).unwrap_or(u32::MAX), ..Counts::default() };
        for row in &self.rows {
            match row.mark() {
                Mark::Holds | Mark::Misses => counts.passed += 1,
                Mark::Skipped(_) => counts.skipped += 1,
                Mark::Failed(_) => counts.failed += 1,
            }
        }
        counts
    }

    /// One line for each failure.
    pub(crate) fn failures(&self) -> Vec<String> {
        let failed = self.rows.iter().filter_map(|row| match row.mark() {
            Mark::Failed(why) => Some(format!("{} {}: {why}", row.id, row.title)),
            _ => None,
        });
        failed.chain(self.problems.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;

    fn facts(kernel: &str, arch: Arch, lsm: &str) -> Facts {
        let lsm = lsm.split(',').map(str::to_owned).collect();
        Facts { kernel: kernel.to_owned(), arch, preempt: "voluntary".to_owned(), lsm }
    }

    fn judge(text: &str, whole: bool) -> Result {
        let mut transcript = Transcript::default();
        for line in std::iter::once("koney-attach-begin: lsm").chain(text.lines()) {
            transcript.feed(line);
        }
        said(transcript.said.remove(0), &facts("6.12.117", Arch::Amd64, "bpf"), whole)
    }

    fn row(id: &str, holds: bool) -> String {
        format!(
            "koney-row: {{\"id\":\"{id}\",\"title\":\"t\",\"expected\":1,\"alerts\":1,\"missed\":0,\"skipped\":null,\"since\":null,\
             \"holds\":{holds},\"detail\":null}}\n"
        )
    }

    #[test]
    fn all_rows_and_status_0_are_no_problem() {
        let result = judge(&format!("koney-rows: 2\n{}{}koney-attach-end: 0", row("E1", true), row("E2", true)), false);
        assert!(result.failures().is_empty(), "{result:?}");
        assert_eq!(result.counts(), Counts { passed: 2, failed: 0, skipped: 0 });
    }

    #[test]
    fn a_row_that_fails_is_one_failure_whatever_the_status() {
        let result = judge(&format!("koney-rows: 1\n{}koney-attach-end: 1", row("E1", false)), false);
        assert_eq!(result.counts(), Counts { passed: 0, failed: 1, skipped: 0 });
        assert!(result.problems.is_empty(), "{result:?}");
    }

    #[test]
    fn rows_that_did_not_come_a_crash_and_a_doubled_row_are_failures() {
        assert_eq!(judge(&format!("koney-rows: 2\n{}koney-attach-end: 0", row("E1", true)), false).counts().failed, 1);
        assert_eq!(judge(&format!("koney-rows: 2\n{}", row("E1", true)), false).counts().failed, 2);
        assert_eq!(judge("koney-attach-end: 139", false).counts().failed, 2);
        let twice = format!("koney-rows: 2\n{}{}koney-attach-end: 0", row("E1", true), row("E1", true));
        assert_eq!(judge(&twice, false).problems, ["E1 came twice"]);
        assert_eq!(judge(&format!("koney-rows: 1\n{}koney-attach-end: 3", row("E1", true)), false).counts().failed, 1);
    }

    #[test]
    fn a_whole_run_has_every_number() {
        let result = judge(&format!("koney-rows: 1\n{}koney-attach-end: 0", row("E1", true)), true);
        let [problem] = result.problems.as_slice() else { panic!("{result:?}") };
        assert!(problem.starts_with("no row for E2, E3") && problem.ends_with("E57, E58"), "{problem}");
        assert!(!problem.contains("E30"), "{problem}");
    }

    #[test]
    fn only_some_kernels_may_lack_a_method() {
        let old_arm = facts("6.1.170", Arch::Arm64, "bpf");
        let new_arm = facts("6.12.117", Arch::Arm64, "bpf");
        let without_bpf = facts("5.10.260", Arch::Amd64, "lockdown,bpfilter");
        assert!(may_lack(Attach::Fentry, &old_arm) && may_lack(Attach::Lsm, &old_arm));
        assert!(!may_lack(Attach::Kprobe, &old_arm) && !may_lack(Attach::Fanotify, &old_arm));
        assert!(!may_lack(Attach::Fentry, &new_arm) && !may_lack(Attach::Lsm, &new_arm));
        assert!(may_lack(Attach::Lsm, &without_bpf) && !may_lack(Attach::Fentry, &without_bpf));
        let result = judge("koney-lacks: lsm: said so\nkoney-attach-end: 0", true);
        assert_eq!(result.counts().failed, 1, "{result:?}");
    }

    #[test]
    fn a_method_that_never_began_is_noticed() {
        let mut transcript = Transcript::default();
        transcript.feed("koney-attach-begin: lsm");
        assert_eq!(silent(&transcript, &[Attach::Lsm, Attach::Kprobe]), [Attach::Kprobe]);
    }
}
