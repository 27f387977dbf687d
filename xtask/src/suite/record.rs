//! What stays of a run: the rows from which the README's table is made.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use super::{judge, report, row::Row};
use crate::{ui, workspace};

/// The file of the rows.
pub(crate) fn path() -> PathBuf {
    workspace::root().join("docs/evasion.json")
}

/// The rows that were kept; none if there are none yet.
pub(crate) fn read() -> Result<Vec<Row>> {
    let path = path();
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no rows: run the evasion suite with --record", path.display()))
}

/// Puts the rows of a run in the place of what it has run again; `whole` if it left out no scenario.
pub(crate) fn write(results: &[judge::Result], whole: bool) -> Result<()> {
    if let Some(result) = results.iter().find(|result| !result.problems.is_empty()) {
        ui::note(&format!("nothing was recorded, for the run is incomplete: {}: {}", result.place, result.problems.join(", ")));
        return Ok(());
    }
    let new: Vec<Row> = results.iter().flat_map(|result| result.rows.iter().cloned()).collect();
    let path = path();
    workspace::write_atomically(&path, report::json(&merge(read()?, new, whole))?.as_bytes())?;
    ui::note(&format!("recorded: {}; cargo xtask generate brings the README to it", path.display()));
    Ok(())
}

/// A series is run anew with each of its updates, so the update's number does not tell rows apart.
fn merge(old: Vec<Row>, new: Vec<Row>, whole: bool) -> Vec<Row> {
    let same = |a: &Row, b: &Row| {
        a.series() == b.series()
            && (&a.arch, &a.preempt, &a.attach) == (&b.arch, &b.preempt, &b.attach)
            && (whole || a.id == b.id)
    };
    let mut rows: Vec<_> = old.into_iter().filter(|old| !new.iter().any(|new| same(old, new))).collect();
    rows.extend(new);
    rows.sort_by(Row::order);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Attach, suite::row::tests::row};

    fn names(rows: &[Row]) -> Vec<String> {
        rows.iter().map(|row| format!("{} {} {}", row.kernel, row.attach, row.id)).collect()
    }

    #[test]
    fn a_newer_run_takes_the_place_of_the_older_one() {
        let old = vec![row("E1", "6.12.117", Attach::Lsm), row("E2", "6.12.117", Attach::Lsm), row("E1", "6.1.170", Attach::Lsm)];
        let new = vec![row("E1", "6.12.118", Attach::Lsm)];
        assert_eq!(names(&merge(old.clone(), new.clone(), true)), ["6.1.170 lsm E1", "6.12.118 lsm E1"]);
        assert_eq!(names(&merge(old, new, false)), ["6.1.170 lsm E1", "6.12.117 lsm E2", "6.12.118 lsm E1"]);
    }
}
