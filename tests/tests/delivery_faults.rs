//! Kills, power cuts, full and broken disks, and receivers that are out for hours: nothing is lost, and nothing told twice for no reason.
//!
//! `KONEY_SEEDS=N` runs the first N seeds, `KONEY_SEED=S` one of them; `KONEY_DELIVERY_REPORT=FILE` has the result written down.

use std::{env, fs};

use koney_tests::delivery::{Report, run};

/// Runs of a plain `cargo test`.
const FEW: u64 = 100;

#[test]
#[expect(clippy::print_stdout, reason = "a seed that fails names itself")]
fn no_alert_is_lost_whatever_happens() {
    let number =
        |name: &str| env::var(name).ok().map(|text| text.parse::<u64>().unwrap_or_else(|_| panic!("{name}={text} is no number")));
    let seeds = match number("KONEY_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("KONEY_SEEDS").unwrap_or(FEW),
    };
    let mut report = Report::default();
    let mut broken = Vec::new();
    for seed in seeds {
        let outcome = run(seed);
        if outcome.lost + outcome.duplicated_without_crash + outcome.altered > 0 {
            println!("KONEY_SEED={seed}: {outcome:?}");
            broken.push(seed);
        }
        report.add(&outcome);
    }
    println!("{report:?}");
    if let Some(path) = env::var_os("KONEY_DELIVERY_REPORT") {
        let text = serde_json::to_string_pretty(&report).expect("numbers");
        fs::write(&path, text + "\n").expect("the report can be written");
    }
    assert!(broken.is_empty(), "seeds that lost, repeated or altered alerts: {broken:?}");
    assert!(report.crashes > report.runs && report.repeated > 0, "too little went wrong: {report:?}");
}
