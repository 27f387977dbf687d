//! All results in one place, and what they add up to.

use anyhow::Result;

use crate::{counts::Counts, ui};

/// The results of one kernel, or of the host.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) kernel: String,
    pub(crate) variant: String,
    pub(crate) counts: Counts,
    pub(crate) failures: Vec<String>,
    pub(crate) skips: Vec<String>,
    /// What is worth a look and no failure.
    pub(crate) notes: Vec<String>,
}

impl Row {
    /// An empty row.
    pub(crate) fn new(kernel: &str, variant: &str) -> Self {
        Self { kernel: kernel.to_owned(), variant: variant.to_owned(), ..Self::default() }
    }

    /// Adds a failure that no test program has counted.
    pub(crate) fn fail(&mut self, what: String) {
        self.counts.failed += 1;
        self.failures.push(what);
    }
}

/// All rows.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    /// Does one thing without which some tests cannot run; its failure is a result like any other.
    pub(crate) fn step<T>(&mut self, name: &str, action: impl FnOnce() -> Result<T>) -> Option<T> {
        match action() {
            Ok(value) => Some(value),
            Err(error) => {
                ui::error(&error);
                let mut row = Row::new(name, "-");
                row.fail(format!("{error:#}"));
                self.push(row);
                None
            }
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Prints everything, the sum last, and gives the exit status.
    pub(crate) fn print(&self) -> u8 {
        for line in self.lines() {
            ui::line(&line);
        }
        u8::from(self.total().failed > 0)
    }

    fn total(&self) -> Counts {
        let mut total = Counts::default();
        for row in &self.rows {
            total += row.counts;
        }
        total
    }

    fn lines(&self) -> Vec<String> {
        let width = |cell: fn(&Row) -> &str, head: &str| {
            self.rows.iter().map(|row| cell(row).len()).chain([head.len()]).max().unwrap_or_default()
        };
        let (kernel, variant) = (width(|row| &row.kernel, "kernel"), width(|row| &row.variant, "variant"));
        let mut lines = vec![String::new()];
        let mut list = |label: &str, items: fn(&Row) -> &[String]| {
            for row in &self.rows {
                lines.extend(items(row).iter().map(|item| format!("{label} {} {}: {item}", row.kernel, row.variant)));
            }
        };
        list("NOTE", |row| &row.notes);
        list("SKIPPED", |row| &row.skips);
        list("FAILED", |row| &row.failures);
        lines.push(format!("{:kernel$}  {:variant$}  passed  failed  skipped", "kernel", "variant"));
        for Row { kernel: name, variant: how, counts, .. } in &self.rows {
            let Counts { passed, failed, skipped } = counts;
            lines.push(format!("{name:kernel$}  {how:variant$}  {passed:>6}  {failed:>6}  {skipped:>7}"));
        }
        lines.push(self.total().to_string());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_the_sum() {
        let mut report = Report::default();
        let mut row = Row::new("6.1", "default");
        row.counts.passed = 3;
        row.fail("open: it_sees".to_owned());
        report.push(row);
        let mut row = Row::new("host", "-");
        row.counts.skipped = 1;
        report.push(row);
        let lines = report.lines();
        assert_eq!(lines.last().map(String::as_str), Some("3 passed, 1 failed, 1 skipped"));
        assert!(lines.contains(&"FAILED 6.1 default: open: it_sees".to_owned()), "{lines:?}");
    }

    #[test]
    fn a_step_that_fails_is_a_failure() {
        let mut report = Report::default();
        assert!(report.step("build-ebpf", || -> Result<()> { anyhow::bail!("no compiler") }).is_none());
        assert_eq!(report.total().failed, 1);
    }
}
