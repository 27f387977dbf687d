//! What an open costs, counted in a guest whose clock counts instructions and held against the budget: one test for each attach method.

use super::report::Row;
use crate::{
    arch::Arch,
    bench::{self, METHODS, Verdict},
    ui,
};

/// Counts in this kernel.
pub(super) fn run(arch: Arch, series: &str) -> Row {
    ui::step(&format!("count what an open costs in {series}"));
    let mut row = Row::new(series, "counted");
    match bench::over_floor(arch, series) {
        Ok(counts) => {
            for method in METHODS {
                judge(&mut row, method, counts.get(method).copied(), bench::check_budget);
            }
        }
        Err(error) => row.fail(format!("{error:#}")),
    }
    row
}

fn judge(row: &mut Row, method: &str, count: Option<f64>, check: impl Fn(&str, f64) -> anyhow::Result<Verdict>) {
    let Some(count) = count else { return row.fail(format!("{method} was not counted")) };
    match check(method, count) {
        Ok(Verdict::Exceeded(text)) => return row.fail(format!("{method}: {text}")),
        Err(error) => return row.fail(format!("{error:#}")),
        Ok(Verdict::Below(text)) => row.notes.push(format!("{method}: {text}")),
        Ok(Verdict::Within) => {}
    }
    row.counts.passed += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::Counts;

    #[test]
    fn each_method_is_a_test_of_its_own() {
        let mut row = Row::default();
        judge(&mut row, "lsm", Some(100.0), |_, _| Ok(Verdict::Within));
        judge(&mut row, "fentry", Some(50.0), |_, _| Ok(Verdict::Below("far below".to_owned())));
        judge(&mut row, "kprobe", Some(700.0), |_, _| Ok(Verdict::Exceeded("too much".to_owned())));
        judge(&mut row, "other", None, |_, _| Ok(Verdict::Within));
        assert_eq!(row.counts, Counts { passed: 2, failed: 2, skipped: 0 });
        assert_eq!(
            (row.failures.as_slice(), row.notes.as_slice()),
            (
                ["kprobe: too much".to_owned(), "other was not counted".to_owned()].as_slice(),
                ["fentry: far below".to_owned()].as_slice(),
            )
        );
    }
}
