//! The report's files.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{judge, matrix, row::Row};
use crate::{ui, workspace};

/// Where the reports of all suites are.
pub(crate) fn folder() -> PathBuf {
    workspace::target().join("report")
}

/// Writes `evasion.json` and `evasion.md`.
pub(crate) fn write(results: &[judge::Result]) -> Result<()> {
    let mut rows: Vec<Row> = results.iter().flat_map(|result| result.rows.iter().cloned()).collect();
    rows.sort_by(Row::order);
    for (name, text) in [("evasion.json", json(&rows)?), ("evasion.md", matrix::document(results))] {
        let path = folder().join(name);
        workspace::write_atomically(&path, text.as_bytes())?;
        ui::note(&format!("report: {}", path.display()));
    }
    Ok(())
}

/// Rows as JSON, one a line, so that a change of one is a change of one line.
pub(crate) fn json(rows: &[Row]) -> Result<String> {
    let lines: serde_json::Result<Vec<_>> = rows.iter().map(serde_json::to_string).collect();
    Ok(format!("[\n{}\n]\n", lines.context("a row is plain data")?.join(",\n")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Attach, suite::row::tests::row};

    #[test]
    fn a_report_can_be_read_back() {
        let rows = vec![row("E1", "6.1.170", Attach::Lsm), row("E2", "6.1.170", Attach::Lsm)];
        let text = json(&rows).expect("plain data");
        assert_eq!(text.lines().count(), 4);
        assert_eq!(serde_json::from_str::<Vec<Row>>(&text).expect("valid"), rows);
        assert_eq!(serde_json::from_str::<Vec<Row>>(&json(&[]).expect("plain data")).expect("valid"), []);
    }
}
