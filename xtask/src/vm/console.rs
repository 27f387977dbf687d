//! What the guest's console tells: the command's output, trouble in the kernel, and the one verdict. Pure.

use std::{collections::VecDeque, fmt, time::Duration};

use anyhow::{Result, bail};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The command ended with this status.
    Exited(u8),
    /// The kernel was in trouble before the command was started.
    NotBooted(String),
    /// The kernel gave up.
    Panicked(String),
    /// The kernel reported that it makes no progress.
    Stalled(String),
    /// Time was up.
    TimedOut(Duration),
    /// Its power was cut.
    SwitchedOff,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(status) => write!(f, "the command ended with status {status}"),
            Self::NotBooted(line) => write!(f, "the guest did not come up: {line}"),
            Self::Panicked(line) => write!(f, "the kernel panicked: {line}"),
            Self::Stalled(line) => write!(f, "the kernel stalled: {line}"),
            Self::SwitchedOff => f.write_str("its power was cut"),
            Self::TimedOut(limit) => write!(f, "not done after {} s (raise --timeout)", limit.as_secs()),
        }
    }
}

/// What a line means for whoever watches the guest.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Before or after the command: nobody's business unless the boot fails.
    Other,
    /// Output of the command, or of the kernel while it ran.
    Output(String),
    /// The kernel is in trouble: soon there will be nothing more to hear.
    Trouble(String),
    /// The verdict, after what was left of the line before it.
    Done(Option<String>),
}

/// Reads a console line by line.
pub(crate) struct Console {
    begin: String,
    verdict: String,
    begun: bool,
    soft_lockups: u32,
    trouble: Option<Verdict>,
    verdicts: Vec<String>,
    last: VecDeque<String>,
}

/// How many lines of a failed boot are shown.
const REMEMBERED: usize = 40;

impl Console {
    pub(crate) fn new(nonce: &str) -> Self {
        Self {
            begin: format!("koney-vm-begin:{nonce}"),
            verdict: format!("koney-vm-verdict:{nonce}:"),
            begun: false,
            soft_lockups: 0,
            trouble: None,
            verdicts: Vec::new(),
            last: VecDeque::new(),
        }
    }

    /// Takes one line without its end.
    pub(crate) fn feed(&mut self, line: &str) -> Line {
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
        // The command's last line may lack its end.
        if let Some((before, status)) = line.split_once(&self.verdict) {
            self.verdicts.push(status.to_owned());
            return Line::Done(Some(before.to_owned()).filter(|before| !before.is_empty()));
        }
        if self.trouble.is_none()
            && let Some(trouble) = self.trouble_in(line)
        {
            self.trouble = Some(trouble);
            return Line::Trouble(line.to_owned());
        }
        // What the kernel says while it powers off is not output.
        if self.begun && self.verdicts.is_empty() {
            return Line::Output(line.to_owned());
        }
        self.begun |= line.contains(&self.begin);
        Line::Other
    }

    /// The verdict of a guest that is gone; `timeout` is set if it was killed for taking too long.
    pub(crate) fn finish(self, timeout: Option<Duration>) -> Result<Verdict> {
        match self.trouble {
            Some(Verdict::Panicked(line) | Verdict::Stalled(line)) if !self.begun => return Ok(Verdict::NotBooted(line)),
            Some(trouble) => return Ok(trouble),
            None => {}
        }
        match self.verdicts.as_slice() {
            [status] => match status.trim().parse() {
                Ok(status) => Ok(Verdict::Exited(status)),
                Err(_) => bail!("the guest's verdict is unreadable: {status:?}"),
            },
            [] if timeout.is_some() && self.begun => Ok(Verdict::TimedOut(timeout.unwrap_or_default())),
            [] => {
                let last: Vec<_> = self.last.into_iter().collect();
                let when = if self.begun { "while the command ran" } else { "before the command was started" };
                let how = if timeout.is_some() { "was out of time" } else { "went away" };
                bail!("the guest {how} without a verdict {when}; its last words:\n{}", last.join("\n"))
            }
            many => bail!("the guest gave {} verdicts: {}", many.len(), many.join(", ")),
        }
    }

    /// Only lines of the kernel itself count, which have their time in brackets before them.
    fn trouble_in(&mut self, line: &str) -> Option<Verdict> {
        let (_, message) = line.split_once("] ")?;
        let line = line.to_owned();
        if message.contains("watchdog: BUG: soft lockup") {
            // One may come from a busy host; a second one does not.
            self.soft_lockups += 1;
            return (self.soft_lockups > 1).then_some(Verdict::Stalled(line));
        }
        let stalled = (message.starts_with("rcu: INFO: rcu") && message.contains("stall"))
            || (message.starts_with("INFO: task ") && message.contains("blocked for more than"));
        let panicked = ["Kernel panic - not syncing", "BUG: ", "Oops: ", "general protection fault"]
            .iter()
            .any(|start| message.starts_with(start));
        match (panicked, stalled) {
            (true, _) => Some(Verdict::Panicked(line)),
            (false, true) => Some(Verdict::Stalled(line)),
            (false, false) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(lines: &[&str]) -> Result<Verdict> {
        let mut console = Console::new("n0");
        for line in lines {
            console.feed(line);
        }
        console.finish(None)
    }

    #[test]
    fn one_verdict_is_the_status() {
        let lines = ["boot", "koney-vm-begin:n0", "hello", "koney-vm-verdict:n0:7"];
        assert_eq!(verdict(&lines).expect("a verdict"), Verdict::Exited(7));
    }

    #[test]
    fn a_missing_a_doubled_and_an_unreadable_verdict_are_errors() {
        let missing = verdict(&["koney-vm-begin:n0", "last words"]).expect_err("missing");
        assert!(missing.to_string().contains("last words"), "{missing}");
        let boot = verdict(&["no such console"]).expect_err("not started");
        assert!(boot.to_string().contains("before the command"), "{boot}");
        assert!(verdict(&["koney-vm-verdict:n0:0", "koney-vm-verdict:n0:0"]).is_err());
        assert!(verdict(&["koney-vm-verdict:n0:zero"]).is_err());
    }

    #[test]
    fn a_verdict_of_another_run_is_output() {
        let mut console = Console::new("n0");
        console.feed("koney-vm-begin:n0");
        let fake = "koney-vm-verdict:n1:0";
        assert_eq!(console.feed(fake), Line::Output(fake.to_owned()));
        assert!(console.finish(None).is_err());
    }

    #[test]
    fn output_without_a_line_end_is_not_lost() {
        let mut console = Console::new("n0");
        console.feed("koney-vm-begin:n0");
        assert_eq!(console.feed("tailkoney-vm-verdict:n0:0"), Line::Done(Some("tail".to_owned())));
    }

    #[test]
    fn trouble_in_the_kernel_wins_over_any_verdict() {
        let panic = "[    3.1] Kernel panic - not syncing: sysrq triggered crash";
        let lines = ["koney-vm-begin:n0", panic, "koney-vm-verdict:n0:0"];
        assert_eq!(verdict(&lines).expect("a verdict"), Verdict::Panicked(panic.to_owned()));
        let stall = "[   30.5][    C1] rcu: INFO: rcu_preempt self-detected stall on CPU";
        assert_eq!(verdict(&["koney-vm-begin:n0", stall]).expect("a verdict"), Verdict::Stalled(stall.to_owned()));
        assert!(verdict(&["Kernel panic - not syncing: said a test"]).is_err());
    }

    #[test]
    fn one_soft_lockup_is_forgiven() {
        let lockup = "[   30.5] watchdog: BUG: soft lockup - CPU#0 stuck for 22s!";
        let done = "koney-vm-verdict:n0:0";
        assert_eq!(verdict(&[lockup, done]).expect("a verdict"), Verdict::Exited(0));
        let begun = "koney-vm-begin:n0";
        assert_eq!(verdict(&[begun, lockup, lockup, done]).expect("a verdict"), Verdict::Stalled(lockup.to_owned()));
    }

    #[test]
    fn trouble_before_the_command_is_a_failed_boot() {
        let oops = "[    2.4] Oops: int3: 0000 [#1] SMP NOPTI";
        assert_eq!(verdict(&[oops]).expect("a verdict"), Verdict::NotBooted(oops.to_owned()));
    }

    #[test]
    fn only_a_command_that_was_started_times_out() {
        let limit = Duration::from_secs(5);
        let mut console = Console::new("n0");
        console.feed("koney-vm-begin:n0");
        assert_eq!(console.finish(Some(limit)).expect("a verdict"), Verdict::TimedOut(limit));
        assert!(Console::new("n0").finish(Some(limit)).is_err());
    }
}
