//! The numbers to reach, each with what was measured. Pure.

use serde_json::Value;

use super::chart::told;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Better {
    Lower,
    Higher,
}

/// How far a figure has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reached {
    Aim,
    Must,
    Missed,
    /// There is no figure.
    Unknown,
}

/// One figure of a target.
struct Figure {
    measured: Option<f64>,
    must: f64,
    aim: f64,
}

/// One target.
pub(crate) struct Target {
    pub(crate) what: &'static str,
    pub(crate) must: &'static str,
    pub(crate) aim: &'static str,
    /// For people; empty where nothing was measured.
    pub(crate) measured: String,
    pub(crate) reached: Reached,
}

impl Reached {
    /// For a table.
    pub(crate) fn told(self) -> &'static str {
        match self {
            Self::Aim => "aim",
            Self::Must => "must",
            Self::Missed => "**missed**",
            Self::Unknown => "not measured",
        }
    }
}

/// All of them.
pub(crate) fn all(report: &Value) -> Vec<Target> {
    let over = |methods: &[&str]| figures(report, methods, |figures| Some(koney(figures, 1)? - figures["floor"].as_f64()?));
    let (quick, probe) = (over(&["lsm", "fentry"]), over(&["kprobe"]));
    let more = figures(report, &["lsm", "fentry", "kprobe"], |figures| {
        let over = koney(figures, 1)? - figures["floor"].as_f64()?;
        Some((koney(figures, 100_000)? - koney(figures, 1)?) / over * 100.0)
    });
    let nothing = untouched(report);
    let at = |pointer: &str| report.pointer(pointer).and_then(Value::as_f64);
    vec![
        spread(
            "added to one open+close over the floor of its method, file not a trap: LSM and fentry",
            "≤ 250",
            "≤ 60",
            &quick,
            (250.0, 60.0),
            "",
        ),
        spread("the same, kprobe", "≤ 600", "≤ 200", &probe, (600.0, 200.0), ""),
        spread(
            "the same with 100,000 (container, trap) pairs, 200,000 keys, 1,000 different names, instead of 1",
            "≤ +5 %",
            "0",
            &more,
            (5.0, 0.5),
            " %",
        ),
        spread("added to read, write, stat", "0", "0", &nothing, (1.0, 1.0), ""),
        latency(&at),
        target(
            "records decoded, enriched (cached), matched, deduplicated on one core",
            "≥ 100,000/s",
            "≥ 500,000/s",
            Better::Higher,
            &[
                Figure { measured: at("/pipeline/records_per_s"), must: 100_000.0, aim: 500_000.0 },
                Figure { measured: at("/pipeline/records_of_containers_per_s"), must: 100_000.0, aim: 500_000.0 },
            ],
            |numbers| format!("{}/s by processes of the host, {}/s by those of a container", numbers[0], numbers[1]),
        ),
        target(
            "durable alerts per second (group commit)",
            "≥ 2,000/s",
            "≥ 10,000/s",
            Better::Higher,
            &[Figure { measured: at("/queue/durable_per_s"), must: 2_000.0, aim: 10_000.0 }],
            |numbers| format!("{}/s", numbers[0]),
        ),
        target(
            "resident memory: idle with 1,000 traps, 300 containers / under flood",
            "≤ 25 / 64 MiB",
            "≤ 12 / 32 MiB",
            Better::Lower,
            &[
                Figure { measured: at("/memory_mib/idle"), must: 25.0, aim: 12.0 },
                Figure { measured: at("/memory_mib/flood"), must: 64.0, aim: 32.0 },
            ],
            |numbers| format!("{} / {} MiB", numbers[0], numbers[1]),
        ),
        target(
            "kernel memory of maps, per key",
            "≤ 150 B",
            "≤ 80 B",
            Better::Lower,
            &[Figure { measured: at("/memory_mib/kernel_bytes_per_key"), must: 150.0, aim: 80.0 }],
            |numbers| format!("{} B", numbers[0]),
        ),
        target(
            "binary / image",
            "≤ 20 MB",
            "≤ 10 MB",
            Better::Lower,
            &[
                Figure { measured: at("/size_mb/binary"), must: 20.0, aim: 10.0 },
                Figure { measured: at("/size_mb/image"), must: 20.0, aim: 10.0 },
            ],
            |numbers| format!("{} / {} MB", numbers[0], numbers[1]),
        ),
        start(&at),
    ]
}

/// In a guest, whose instructions are counted besides.
fn latency(at: &impl Fn(&str) -> Option<f64>) -> Target {
    let (opened, closed) = ("/pipeline/open_to_socket_ms", "/pipeline/open_to_socket_not_open_ms");
    let quantile = |place: &str, which: &str| at(&format!("{place}/{which}"));
    target(
        "real open in a guest → request body at a loopback TLS sink, fsync included, connection open / not open",
        "p99 ≤ 50 / 150 ms",
        "p50 ≤ 5 / 20 ms",
        Better::Lower,
        &[
            Figure { measured: quantile(opened, "p99"), must: 50.0, aim: 50.0 },
            Figure { measured: quantile(closed, "p99"), must: 150.0, aim: 150.0 },
            Figure { measured: quantile(opened, "p50"), must: f64::MAX, aim: 5.0 },
            Figure { measured: quantile(closed, "p50"), must: f64::MAX, aim: 20.0 },
        ],
        |numbers| {
            let times = format!("p99 {} / {} ms, p50 {} / {} ms", numbers[0], numbers[1], numbers[2], numbers[3]);
            let millions =
                ["open", "not_open"].map(|which| at(&format!("/pipeline/open_to_socket_million_instructions/{which}")));
            match millions {
                [Some(open), Some(closed)] => format!("{times}; {} / {} million instructions", told(open), told(closed)),
                _ => times,
            }
        },
    )
}

/// No machine that takes the programs natively was at hand: what a guest's start takes is counted, and told in the time that this machine takes for
/// so many instructions of the pipeline. An estimate reaches no aim.
fn start(at: &impl Fn(&str) -> Option<f64>) -> Target {
    let estimated = at("/start/estimated_ms");
    target(
        "start to armed, 1,000 traps",
        "≤ 1 s",
        "≤ 200 ms",
        Better::Lower,
        &[Figure {
            measured: estimated.or_else(|| at("/start_ms")),
            must: 1_000.0,
            aim: if estimated.is_some() { 0.0 } else { 200.0 },
        }],
        |numbers| match (at("/start/million_instructions"), at("/start/instructions_per_ns"), at("/start_ms")) {
            (Some(millions), Some(rate), Some(emulated)) => format!(
                "about {} ms: {} million instructions, on one processor and at {} a nanosecond ({} ms in an emulated guest)",
                numbers[0],
                told(millions),
                told(rate),
                told(emulated)
            ),
            _ => format!("{} ms", numbers[0]),
        },
    )
}

/// One line for each target.
pub(crate) fn lines(report: &Value) -> Vec<String> {
    let told = |target: Target| {
        let measured = if target.measured.is_empty() { "nothing" } else { &target.measured };
        format!(
            "{:<12}  {}: measured {measured}; must {}, aim {}",
            target.reached.told().replace('*', ""),
            target.what,
            target.must,
            target.aim
        )
    };
    all(report).into_iter().map(told).collect()
}

fn koney(figures: &Value, traps: u32) -> Option<f64> {
    figures[format!("koney_{traps}")].as_f64()
}

/// Of each kernel and each of these methods.
fn figures(report: &Value, methods: &[&str], figure: impl Fn(&Value) -> Option<f64>) -> Vec<f64> {
    let kernels = report["kernel"].as_object().into_iter().flatten();
    kernels.flat_map(|(_, kernel)| methods.iter().filter_map(|method| figure(&kernel[*method])).collect::<Vec<_>>()).collect()
}

/// What koney's programs add where nothing is to be attached.
fn untouched(report: &Value) -> Vec<f64> {
    let mut all = Vec::new();
    for (_, kernel) in report["kernel"].as_object().into_iter().flatten() {
        for (name, setting) in kernel["settings"].as_object().into_iter().flatten() {
            if name.starts_with("koney:") {
                all.extend(
                    ["read", "write", "stat"].iter().filter_map(|operation| setting["added"][*operation].as_f64()).map(f64::abs),
                );
            }
        }
    }
    all
}

/// A target that every kernel and method is to reach.
fn spread(what: &'static str, must: &'static str, aim: &'static str, figures: &[f64], bounds: (f64, f64), unit: &str) -> Target {
    let (lowest, highest) =
        figures.iter().fold((f64::MAX, f64::MIN), |(least, most), figure| (least.min(*figure), most.max(*figure)));
    let measured = (!figures.is_empty()).then_some(highest);
    let one = [Figure { measured, must: bounds.0, aim: bounds.1 }];
    target(what, must, aim, Better::Lower, &one, |_| {
        let (lowest, highest) = (told(lowest), told(highest));
        if lowest == highest { format!("{highest}{unit}") } else { format!("{lowest} to {highest}{unit}") }
    })
}

fn target(
    what: &'static str,
    must: &'static str,
    aim: &'static str,
    better: Better,
    figures: &[Figure],
    measured: impl FnOnce(&[String]) -> String,
) -> Target {
    let reached = figures.iter().map(|figure| figure.reached(better)).max().unwrap_or(Reached::Unknown);
    let told: Vec<String> = figures.iter().map(|figure| figure.measured.map_or_else(|| "?".to_owned(), told)).collect();
    let any = figures.iter().any(|figure| figure.measured.is_some());
    Target { what, must, aim, measured: if any { measured(&told) } else { String::new() }, reached }
}

impl Figure {
    fn reached(&self, better: Better) -> Reached {
        let Some(measured) = self.measured else { return Reached::Unknown };
        let holds = |bound: f64| if better == Better::Lower { measured <= bound } else { measured >= bound };
        if holds(self.aim) {
            Reached::Aim
        } else if holds(self.must) {
            Reached::Must
        } else {
            Reached::Missed
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_target_is_as_far_as_its_worst_figure() {
        let report = json!({
            "kernel": {
                "6.1": { "lsm": { "floor": 100.0, "koney_1": 150.0 } },
                "6.12": { "lsm": { "floor": 183.0, "koney_1": 318.0, "koney_100000": 318.0 } },
            },
            "memory_mib": { "idle": 11.0, "flood": 70.0 },
        });
        let targets = all(&report);
        assert_eq!((targets[0].measured.as_str(), targets[0].reached), ("50 to 135", Reached::Must));
        assert_eq!((targets[1].measured.as_str(), targets[1].reached), ("", Reached::Unknown));
        assert_eq!((targets[2].measured.as_str(), targets[2].reached), ("0 %", Reached::Aim));
        let memory = targets.iter().find(|target| target.what.starts_with("resident")).expect("a target");
        assert_eq!((memory.measured.as_str(), memory.reached), ("11 / 70 MiB", Reached::Missed));
    }

    #[test]
    fn more_is_better_for_a_rate() {
        let rate = |figure: f64| all(&json!({ "queue": { "durable_per_s": figure } }))[6].reached;
        assert_eq!([rate(1_000.0), rate(2_500.0), rate(20_000.0)], [Reached::Missed, Reached::Must, Reached::Aim]);
    }
}
