//! The budget: what koney may add to an open over the floor of its method. A count is the same in every run, so it can be a test.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::Value;

use super::{instructions::over_floor, kernel::METHODS};
use crate::{ui, workspace};

/// The kernel that it is for.
pub(crate) const KERNEL: &str = "6.12";
/// How far beyond the budget a count may be, and how far below it may stay without a word.
const TOLERANCE: f64 = 0.10;

const HEAD: &str = "# Instructions that koney adds to one open and close of a file that is no trap, over a program that does nothing and is attached \
                    by the\n# same method, on kernel 6.12. `cargo xtask test` counts them and fails where one is exceeded by more than 10 %.\n# Made by \
                    `cargo xtask bench --only kernel --kernel 6.12 --budget`.\n\n";

/// By attach method.
#[derive(Debug, Deserialize)]
struct Budget {
    over_floor: BTreeMap<String, f64>,
}

/// What became of one method.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Near the budget.
    Within,
    /// Far below it, which should be kept.
    Below(String),
    /// Beyond it.
    Exceeded(String),
}

fn path() -> PathBuf {
    workspace::root().join("tests/budget.toml")
}

/// Makes the counts of a report the budget.
pub(crate) fn write(report: &Value) -> Result<()> {
    let kernel = &report["kernel"][KERNEL];
    let over_floor: Vec<_> = METHODS.into_iter().filter_map(|method| Some((method, over_floor(&kernel[method])?))).collect();
    if over_floor.len() != METHODS.len() {
        bail!("kernel {KERNEL} was not counted by every method, so there is no budget to write: add --kernel {KERNEL}");
    }
    let mut text = format!("{HEAD}[over_floor]\n");
    for (method, count) in over_floor {
        writeln!(text, "{method} = {count:?}").ok();
    }
    let path = path();
    workspace::write_atomically(&path, text.as_bytes())?;
    ui::note(&format!("the budget is now {}", path.display()));
    Ok(())
}

/// Holds a count against the budget.
pub(crate) fn check(method: &str, over_floor: f64) -> Result<Verdict> {
    let path = path();
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let budget: Budget = toml::from_str(&text).with_context(|| format!("{} holds no budget", path.display()))?;
    let budget = budget.over_floor.get(method).with_context(|| format!("{} has no budget for {method}", path.display()))?;
    Ok(judge(*budget, over_floor))
}

fn judge(budget: f64, count: f64) -> Verdict {
    let remedy = "cargo xtask bench --only kernel --kernel 6.12 --budget";
    if count > budget * (1.0 + TOLERANCE) {
        Verdict::Exceeded(format!(
            "an open and close costs {count:.1} instructions over the floor, more than 10 % beyond the budget of {budget:.1}: make it cheaper, or, \
             if it must be, {remedy}"
        ))
    } else if count < budget * (1.0 - TOLERANCE) {
        Verdict::Below(format!(
            "an open and close costs {count:.1} instructions over the floor, more than 10 % below the budget of {budget:.1}; keep it: {remedy}"
        ))
    } else {
        Verdict::Within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_let_through_either_way() {
        for within in [90.0, 100.0, 109.9] {
            assert_eq!(judge(100.0, within), Verdict::Within);
        }
        assert!(matches!(judge(100.0, 110.5), Verdict::Exceeded(_)));
        assert!(matches!(judge(100.0, 89.0), Verdict::Below(_)));
    }

    #[test]
    fn the_budget_of_this_checkout_has_every_method() {
        for method in METHODS {
            check(method, 0.0).expect("a budget");
        }
    }
}
