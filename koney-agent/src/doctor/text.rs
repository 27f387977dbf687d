//! The findings as a table that fits a terminal.

use super::finding::{Finding, Status};
use crate::plain::{self, line};

/// Columns of a line. Fixed: the same machine gives the same text wherever it is looked at.
const WIDTH: usize = 120;
const STATUS: usize = 10;

/// One row a finding; what it costs and what helps stand below it.
pub(super) fn table(findings: &[Finding]) -> String {
    let check = findings.iter().map(|finding| line(&finding.check).chars().count()).max().unwrap_or(0).max("CHECK".len()) + 2;
    let mut text = format!("{:STATUS$}{:check$}FOUND\n", "STATUS", "CHECK");
    for finding in findings {
        row(&mut text, &format!("{:STATUS$}{:check$}", name(finding.status), line(&finding.check)), &finding.found);
        for (label, what) in [("costs: ", &finding.cost), ("remedy: ", &finding.remedy)] {
            if let Some(what) = what {
                row(&mut text, &format!("{:width$}{label}", "", width = STATUS + check), what);
            }
        }
    }
    text
}

const fn name(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Degraded => "degraded",
        Status::Missing => "missing",
    }
}

/// Writes `what` behind `start`, wrapped at words.
fn row(text: &mut String, start: &str, what: &str) {
    plain::wrapped(text, start, what, WIDTH);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_aligned_and_wrapped() {
        let long = "a-word ".repeat(20);
        let findings = [
            Finding::ok("kernel", "6.12"),
            Finding::missing("a longer check", "nothing").costs(long.trim_end()).mended_by("mend it"),
        ];
        let expected = "\
STATUS    CHECK           FOUND
ok        kernel          6.12
missing   a longer check  nothing
                          costs: a-word a-word a-word a-word a-word a-word a-word a-word a-word a-word a-word a-word
                                 a-word a-word a-word a-word a-word a-word a-word a-word
                          remedy: mend it
";
        assert_eq!(table(&findings), expected);
        assert!(expected.lines().all(|line| line.len() <= WIDTH));
    }

    #[test]
    fn foreign_text_stays_on_its_line() {
        let table = table(&[Finding::ok("kernel", "6.12\nok  forged\x1b[2J\u{202e} \"x\"")]);
        assert_eq!(table.lines().next_back(), Some("ok        kernel  6.12\\nok  forged\\u{1b}[2J\\u{202e} \"x\""));
    }
}
