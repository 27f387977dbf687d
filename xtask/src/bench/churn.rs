//! The plot of an agent's memory while containers come and go. Pure.

use serde_json::Value;

use super::{
    chart::{Line, Lines, told},
    report,
};

const SECONDS_A_MINUTE: f64 = 60.0;
const KIB_A_MIB: f64 = 1024.0;
/// Marks of the time.
const STEPS: u32 = 6;

/// Its resident and its own memory over the minutes; nothing if that was not measured.
pub(crate) fn plot(report: &Value) -> Option<String> {
    let churn = report::result(report, "memory-churn", |_| true)?;
    let series = churn["series_s_kib"].as_array()?;
    let line = |name: &str, column: usize| {
        let point = |row: &Value| Some((row[0].as_f64()? / SECONDS_A_MINUTE, row[column].as_f64()? / KIB_A_MIB));
        Line { name: name.to_owned(), points: series.iter().filter_map(point).collect() }
    };
    let minutes = churn["minutes"].as_f64()?;
    let figure = |name: &str| churn[name].as_f64().map(told).unwrap_or_default();
    let subtitle = format!(
        "{} containers, of which one was replaced {} times, in an emulated guest; growth {} MiB",
        figure("containers"),
        figure("containers_replaced"),
        figure("growth_mib")
    );
    let marks: Vec<f64> = (0..=STEPS).map(|step| minutes * f64::from(step) / f64::from(STEPS)).collect();
    let plot = Lines {
        title: "The agent's memory while containers come and go",
        subtitle: &subtitle,
        across: "minutes",
        up: "MiB",
        even: &marks,
        series: vec![line("resident", 1), line("its own, without files", 2)],
    };
    Some(plot.draw()).filter(|_| series.len() > 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_hour_is_drawn_and_its_growth_is_told() {
        let report = json!({ "results": { "churn": [{
            "what": "memory-churn", "minutes": 60, "containers": 300, "containers_replaced": 500, "growth_mib": 0.1,
            "series_s_kib": [[4, 20480, 8192], [1800, 21504, 8192], [3598, 20992, 8192]],
        }] } });
        let text = plot(&report).expect("it was measured");
        assert!(
            text.contains("300 containers, of which one was replaced 500 times") && text.contains("growth 0.1 MiB"),
            "{text}"
        );
        assert_eq!(text.matches("<polyline").count(), 2);
        assert!(plot(&json!({})).is_none());
    }
}
