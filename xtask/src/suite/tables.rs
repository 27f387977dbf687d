//! What the documents show of the recorded rows: every scenario against the attach methods, the kernels in one cell, and every kernel
//! with its counts. Pure.

use std::fmt::Write as _;

use super::{
    matrix::{LEGEND, Notes, escaped, titles},
    row::{Mark, Row},
};
use crate::cli::Attach;

/// The table of the scenarios; nothing if there are no rows.
pub(crate) fn scenarios(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by(|a, b| a.order(b));
    let guests = guests(&rows);
    let mut text = format!("Run on {}.  \n{LEGEND}\n\n| | scenario | alerts |", guests.join(", "));
    let methods: Vec<Attach> =
        Attach::ALL.into_iter().filter(|attach| rows.iter().any(|row| row.attach == attach.name())).collect();
    for attach in &methods {
        write!(text, " {} |", attach.name()).ok();
    }
    writeln!(text, "\n|---|---|---|{}", "---|".repeat(methods.len())).ok();
    let mut notes = Notes::default();
    for (id, title) in titles(&rows) {
        write!(text, "| {id} | {} | {} |", escaped(title), expected(&rows, id)).ok();
        for attach in &methods {
            let here: Vec<&Row> = rows.iter().copied().filter(|row| row.id == id && row.attach == attach.name()).collect();
            write!(text, " {} |", cell(&here, &mut notes)).ok();
        }
        text.push('\n');
    }
    let notes = notes.lines();
    if notes.is_empty() { text } else { text + "\n" + &notes }
}

/// The table of the kernels: how many rows of each attach method are what; nothing if there are no rows.
pub(crate) fn kernels(rows: &[Row]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by(|a, b| a.order(b));
    let mut text = "| kernel | preemption |".to_owned();
    for attach in Attach::ALL {
        write!(text, " {} |", attach.name()).ok();
    }
    writeln!(text, "\n|---|---|{}", "---|".repeat(Attach::ALL.len())).ok();
    let mut told = Vec::new();
    for row in &rows {
        let guest = (row.kernel.as_str(), row.arch.as_str(), row.preempt.as_str());
        if told.contains(&guest) {
            continue;
        }
        told.push(guest);
        write!(text, "| {} {} | `{}` |", guest.0, guest.1, guest.2).ok();
        for attach in Attach::ALL {
            let here = rows.iter().filter(|other| {
                (other.kernel.as_str(), other.arch.as_str(), other.preempt.as_str()) == guest && other.attach == attach.name()
            });
            write!(text, " {} |", counts(here.map(|row| row.mark()))).ok();
        }
        text.push('\n');
    }
    text
}

/// How many marks of each kind, those that are right first.
fn counts(marks: impl Iterator<Item = Mark>) -> String {
    let mut counts = [("✓", 0), ("~", 0), ("–", 0), ("✗", 0)];
    for mark in marks {
        let at = match mark {
            Mark::Holds => 0,
            Mark::Misses => 1,
            Mark::Skipped(_) => 2,
            Mark::Failed(_) => 3,
        };
        counts[at].1 += 1;
    }
    let counts = counts.iter().filter(|(_, count)| *count > 0).map(|(mark, count)| format!("{count} {mark}"));
    counts.collect::<Vec<_>>().join(", ")
}

/// The kernels, each once, with what tells two guests of one kernel apart.
fn guests(rows: &[&Row]) -> Vec<String> {
    let mut guests: Vec<String> = Vec::new();
    for row in rows {
        let name = format!("{} {} (`{}`)", row.kernel, row.arch, row.preempt);
        if !guests.contains(&name) {
            guests.push(name);
        }
    }
    guests
}

/// How many alerts are right, if every guest says the same.
fn expected(rows: &[&Row], id: &str) -> String {
    let mut counts: Vec<u64> = rows.iter().filter(|row| row.id == id && row.skipped.is_none()).map(|row| row.expected).collect();
    counts.sort_unstable();
    counts.dedup();
    match counts.as_slice() {
        [] => String::new(),
        [one] => one.to_string(),
        [first, .., last] => format!("{first} to {last}"),
    }
}

/// One mark where all kernels agree, else the mark of most with the others by name.
fn cell(rows: &[&Row], notes: &mut Notes) -> String {
    let mut kinds: Vec<(Mark, Vec<String>)> = Vec::new();
    for row in rows {
        let mark = row.mark();
        let at = kinds.iter().position(|(have, _)| *have == mark).unwrap_or_else(|| {
            kinds.push((mark, Vec::new()));
            kinds.len() - 1
        });
        kinds[at].1.push(place(row, rows));
    }
    // Stable: of two that are equally many, the older kernel's stands first.
    kinds.sort_by_key(|(_, places)| std::cmp::Reverse(places.len()));
    let marks = kinds.iter().enumerate().map(|(at, (mark, places))| {
        let mark = notes.cell(mark);
        if at == 0 { mark } else { format!("{} {mark}", places.join(", ")) }
    });
    marks.collect::<Vec<_>>().join("; ")
}

/// A kernel's series, and no more than it takes to tell it from the others.
fn place(row: &Row, all: &[&Row]) -> String {
    let mut place = row.series();
    if all.iter().any(|other| other.arch != row.arch) {
        place.push(' ');
        place.push_str(&row.arch);
    }
    let twin = |other: &&Row| other.series() == row.series() && other.arch == row.arch && other.preempt != row.preempt;
    if all.iter().any(twin) {
        place.push(' ');
        place.push_str(&row.preempt);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::row::tests::row;

    fn line(rows: &[Row], id: &str) -> String {
        let table = scenarios(rows);
        let start = format!("| {id} |");
        table.lines().find(|line| line.starts_with(&start)).expect("a line").to_owned()
    }

    #[test]
    fn without_rows_there_is_no_table() {
        assert_eq!(scenarios(&[]) + &kernels(&[]), "");
    }

    #[test]
    fn kernels_that_agree_are_one_mark() {
        let rows =
            [row("E1", "5.10.260", Attach::Lsm), row("E1", "6.12.117", Attach::Lsm), row("E1", "6.12.117", Attach::Kprobe)];
        assert_eq!(line(&rows, "E1"), "| E1 | title of E1 | 1 | ✓ | ✓ |");
        let text = scenarios(&rows);
        assert!(text.starts_with("Run on 5.10.260 amd64 (`voluntary`), 6.12.117 amd64 (`voluntary`).  \n"), "{text}");
        assert!(text.contains("| | scenario | alerts | lsm | kprobe |"), "{text}");
    }

    #[test]
    fn a_kernel_that_differs_is_named_with_what_tells_it_apart() {
        let old = Row { skipped: Some("too old".to_owned()), ..row("E1", "5.10.260", Attach::Lsm) };
        let full = Row { preempt: "full".to_owned(), alerts: 0, missed: 1, ..row("E1", "6.12.117", Attach::Lsm) };
        let rows = [old, row("E1", "6.1.170", Attach::Lsm), row("E1", "6.12.117", Attach::Lsm), full];
        assert_eq!(line(&rows, "E1"), "| E1 | title of E1 | 1 | ✓; 5.10 –¹; 6.12 full ~ |");
        assert!(scenarios(&rows).ends_with("\n\n¹ too old  \n"));
    }

    #[test]
    fn a_kernel_is_one_line_with_its_counts() {
        let skipped = Row { skipped: Some("too old".to_owned()), ..row("E2", "5.10.260", Attach::Lsm) };
        let rows = [row("E1", "6.12.117", Attach::Kprobe), row("E1", "5.10.260", Attach::Lsm), skipped];
        assert_eq!(
            kernels(&rows),
            "| kernel | preemption | lsm | fentry | kprobe | fanotify |\n|---|---|---|---|---|---|\n\
             | 5.10.260 amd64 | `voluntary` | 1 ✓, 1 – |  |  |  |\n| 6.12.117 amd64 | `voluntary` |  |  | 1 ✓ |  |\n"
        );
    }
}
