//! Whether two runs counted the same. Pure but for what it prints.

use serde_json::Value;

use super::instructions::SPREAD;
use crate::ui;

/// How far two counts of the same thing may be apart.
const MOST: f64 = 0.01;

/// A count that two runs have.
#[derive(Debug, PartialEq)]
struct Pair {
    name: String,
    one: f64,
    other: f64,
}

/// Prints the largest differences of the kernel parts; gives the exit status.
pub(crate) fn print(one: &Value, other: &Value) -> u8 {
    let mut pairs = pairs(one, other);
    pairs.sort_by(|a, b| b.apart().total_cmp(&a.apart()));
    let beyond = pairs.iter().filter(|pair| pair.apart() > MOST).count();
    for pair in pairs.iter().take(beyond.max(10)) {
        ui::line(&format!("{:>6.2} %  {}: {} and {}", pair.apart() * 100.0, pair.name, pair.one, pair.other));
    }
    ui::line(&format!("{} counts in both, {beyond} of them more than {} % apart", pairs.len(), MOST * 100.0));
    u8::from(beyond > 0 || pairs.is_empty())
}

/// The counts of whole operations, with and without anything attached. What has not settled beside a daemon in one of the two is no count to be
/// held against another.
fn pairs(one: &Value, other: &Value) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (kernel, figures) in one["kernel"].as_object().into_iter().flatten() {
        for (setting, counts) in figures["settings"].as_object().into_iter().flatten() {
            let there = &other["kernel"][kernel]["settings"][setting];
            let [here, there] = [counts, there].map(|counts| counts.get("per_operation").unwrap_or(counts));
            let settled = |operation: &str| {
                !operation.ends_with(SPREAD) && [here, there].iter().all(|of| of.get(format!("{operation}{SPREAD}")).is_none())
            };
            for (operation, count) in here.as_object().into_iter().flatten().filter(|(operation, _)| settled(operation)) {
                if let Some((one, other)) = count.as_f64().zip(there[operation].as_f64()) {
                    pairs.push(Pair { name: format!("{kernel} {setting} {operation}"), one, other });
                }
            }
        }
    }
    pairs
}

impl Pair {
    fn apart(&self) -> f64 {
        (self.one - self.other).abs() / self.one.max(self.other).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_are_compared_by_kernel_setting_and_operation() {
        let report = |open: f64| {
            json!({ "kernel": { "6.12": { "settings": {
                "nothing, before the detectors": { "open_close": 7000.0 },
                "koney:lsm:1": { "per_operation": { "open_close": open }, "trap": { "first": 1 } },
            } } } })
        };
        assert_eq!(pairs(&report(7300.0), &report(7300.0)).len(), 2);
        let pair = pairs(&report(7300.0), &report(7400.0)).remove(0);
        assert!(pair.name == "6.12 koney:lsm:1 open_close" && pair.apart() > MOST, "{pair:?}");
        assert_eq!(pairs(&report(7300.0), &json!({})), []);
        let mut spread = report(7300.0);
        spread["kernel"]["6.12"]["settings"]["koney:lsm:1"]["per_operation"]["open_close_spread"] = json!(800.0);
        assert_eq!(pairs(&report(7300.0), &spread).len(), 1);
    }
}
