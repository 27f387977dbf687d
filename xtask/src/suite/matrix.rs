//! The readable report: every scenario against every kernel and method. Pure.

use std::fmt::Write as _;

use super::{
    judge::Result,
    row::{Mark, Row},
};
use crate::{counts::Counts, vm::kernel::compare};

/// What is behind a mark, told once for each text.
#[derive(Debug, Default)]
pub(crate) struct Notes(Vec<String>);

impl Notes {
    /// The number of a text.
    pub(crate) fn number(&mut self, text: &str) -> usize {
        let at = self.0.iter().position(|have| have == text).unwrap_or_else(|| {
            self.0.push(text.to_owned());
            self.0.len() - 1
        });
        at + 1
    }

    /// A mark as it stands in a cell.
    pub(crate) fn cell(&mut self, mark: &Mark) -> String {
        match mark {
            Mark::Holds => "✓".to_owned(),
            Mark::Misses => "~".to_owned(),
            Mark::Skipped(why) => format!("–{}", raised(self.number(why))),
            Mark::Failed(why) => format!("✗{}", raised(self.number(why))),
        }
    }

    /// One line for each text.
    pub(crate) fn lines(&self) -> String {
        let line = |(at, text): (usize, &String)| format!("{} {}  \n", raised(at + 1), escaped(text));
        self.0.iter().enumerate().map(line).collect()
    }
}

/// What the marks mean.
pub(crate) const LEGEND: &str = "✓ as expected; ~ fewer alerts than accesses, and each miss is counted; – not run, and why; ✗ not as \
                                 expected, and how; empty: no row.";

/// The whole report.
pub(crate) fn document(results: &[Result]) -> String {
    let total: Counts = results.iter().map(Result::counts).sum();
    let mut text = "# Evasion suite\n\n".to_owned();
    writeln!(text, "{total}\n\n| kernel and method | hold | failed | skipped |\n|---|---|---|---|").ok();
    for result in results {
        let Counts { passed, failed, skipped } = result.counts();
        match &result.lacks {
            Some(reason) => writeln!(text, "| {} | lacks it: {} | {failed} | |", result.place, escaped(reason)).ok(),
            None => writeln!(text, "| {} | {passed} | {failed} | {skipped} |", result.place).ok(),
        };
    }
    let failures: Vec<_> =
        results.iter().flat_map(|result| result.failures().into_iter().map(|why| format!("- {}: {why}", result.place))).collect();
    if !failures.is_empty() {
        writeln!(text, "\n## Failures\n\n{}", failures.join("\n")).ok();
    }
    let rows: Vec<&Row> = results.iter().flat_map(|result| &result.rows).collect();
    text + "\n## Scenarios\n\n" + LEGEND + "\n\n" + &scenarios(&rows)
}

/// Every scenario's mark in every place.
fn scenarios(rows: &[&Row]) -> String {
    let mut rows = rows.to_vec();
    rows.sort_by(|a, b| a.order(b));
    let mut places: Vec<[&str; 4]> = rows.iter().map(|row| place(row)).collect();
    places.dedup();
    let several_archs = places.iter().any(|[arch, ..]| *arch != places[0][0]);
    let head = places.iter().map(|[arch, kernel, preempt, attach]| {
        let arch = if several_archs { format!("{arch}<br>") } else { String::new() };
        format!(" {kernel}<br>{arch}{preempt}<br>{attach} |")
    });
    let mut text = format!("| | scenario |{}\n|---|---|{}\n", head.collect::<String>(), "---|".repeat(places.len()));
    let mut notes = Notes::default();
    for (id, title) in titles(&rows) {
        write!(text, "| {id} | {} |", escaped(title)).ok();
        for wanted in &places {
            let found = rows.iter().find(|row| row.id == id && place(row) == *wanted);
            let cell = found.map_or_else(String::new, |row| notes.cell(&row.mark()));
            write!(text, " {cell} |").ok();
        }
        text.push('\n');
    }
    text + "\n" + &notes.lines()
}

/// Each scenario's number and title, in the order of numbers.
pub(crate) fn titles<'a>(rows: &[&'a Row]) -> Vec<(&'a str, &'a str)> {
    let mut titles: Vec<_> = rows.iter().map(|row| (row.id.as_str(), row.title.as_str())).collect();
    titles.sort_by(|(a, _), (b, _)| compare(a, b));
    titles.dedup_by(|(a, _), (b, _)| a == b);
    titles
}

fn place(row: &Row) -> [&str; 4] {
    [&row.arch, &row.kernel, &row.preempt, &row.attach]
}

/// Text that does not end a table's cell or its line.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A number as a note's mark.
pub(crate) fn raised(number: usize) -> String {
    const DIGITS: [char; 10] = ['⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹'];
    number.to_string().bytes().map(|digit| DIGITS[usize::from(digit - b'0')]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Attach, suite::row::tests::row};

    fn result(rows: Vec<Row>) -> Result {
        Result { place: "somewhere".to_owned(), rows, lacks: None, problems: Vec::new() }
    }

    #[test]
    fn every_scenario_is_one_line_in_the_order_of_numbers() {
        let skipped = Row { skipped: Some("no | pipe".to_owned()), ..row("E2", "6.1.170", Attach::Kprobe) };
        let failed = Row { holds: false, detail: None, ..row("E10", "6.1.170", Attach::Kprobe) };
        let lsm = vec![row("E10", "6.1.170", Attach::Lsm), row("E2", "6.1.170", Attach::Lsm)];
        let text = document(&[result(lsm), result(vec![skipped, failed])]);
        let (_, table) = text.split_once("## Scenarios").expect("a table");
        let lines: Vec<_> = table.lines().filter(|line| line.starts_with("| E")).collect();
        assert_eq!(lines, ["| E2 | title of E2 | ✓ | –¹ |", "| E10 | title of E10 | ✓ | ✗² |"]);
        assert!(text.contains("¹ no \\| pipe"), "{text}");
        assert!(text.contains("- somewhere: E10 title of E10: 1 of 1 alerts, 0 missed"), "{text}");
        assert!(text.starts_with("# Evasion suite\n\n2 passed, 1 failed, 1 skipped\n"), "{text}");
    }

    #[test]
    fn notes_are_told_once() {
        let mut notes = Notes::default();
        let same = Mark::Skipped("same".to_owned());
        assert_eq!((notes.cell(&same), notes.cell(&same)), ("–¹".to_owned(), "–¹".to_owned()));
        assert_eq!(notes.cell(&Mark::Misses), "~");
        assert_eq!(raised(120), "¹²⁰");
    }

    #[test]
    fn a_report_without_rows_has_no_columns() {
        assert!(document(&[]).contains("0 passed"));
    }
}
