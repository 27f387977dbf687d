//! What the counting program says of one kernel, as figures. Pure.

use serde_json::{Map, Value, json};

/// The operation whose figures stand on top.
pub(crate) const OPEN: &str = "open_close";
/// Beside daemons, whose work is not the accessor's.
const OPEN_THREAD: &str = "open_close_thread";
const NOTHING: &str = "nothing";
/// Ends the name of how far the counts of an operation were apart that has not settled.
pub(crate) const SPREAD: &str = "_spread";

/// `{"release":…,"baseline":N,"lsm":{"floor":N,"koney_1":N,…},…,"fanotify":N,"peer":N,…,"settings":{…}}`, instructions of one open and
/// close: `baseline` with nothing attached, the others what is added to that.
pub(crate) fn figures(halves: &[(&str, &[Value])]) -> Value {
    let mut figures = json!({});
    let mut settings = Map::new();
    for (half, lines) in halves {
        for line in *lines {
            let Some(name) = line["setting"].as_str() else { continue };
            if name == NOTHING {
                figures["release"] = line["kernel"].clone();
                figures["baseline"] = line["per_operation"][OPEN].clone();
                settings.insert(format!("{NOTHING}, before the {half}"), line["per_operation"].clone());
                continue;
            }
            if line.get("lacks").or_else(|| line.get("failed")).is_some() {
                settings.insert(name.to_owned(), line.clone());
                continue;
            }
            if let Some(accesses) = missed(line) {
                let reason = format!("it told of none of {accesses} accesses to the watched file, so it was not watching");
                settings.insert(name.to_owned(), json!({ "failed": reason }));
                continue;
            }
            let added = added(line);
            place(&mut figures, name, added[counted(name, OPEN)].clone());
            settings.insert(name.to_owned(), told(line, &added));
        }
    }
    figures["settings"] = Value::Object(settings);
    figures
}

/// The count that is told for an operation: beside a daemon that of the accessor's thread. The others are counted by it anyway.
pub(crate) fn counted<'a>(setting: &str, operation: &'a str) -> &'a str {
    if operation == OPEN && setting.starts_with("peer:") { OPEN_THREAD } else { operation }
}

/// How many accesses to the watched file there were, where none was told: a daemon may have ended since it told its first.
fn missed(line: &Value) -> Option<u64> {
    let first = line.pointer("/trap/first")?;
    if first["told"] == json!(0) { first["accesses"].as_u64() } else { None }
}

/// What each operation costs more than before.
fn added(line: &Value) -> Value {
    let with = line["per_operation"].as_object().into_iter().flatten();
    let difference = |(name, with): (&String, &Value)| {
        let before = line["before"][name].as_f64()?;
        Some((name.clone(), json!(rounded(with.as_f64()? - before))))
    };
    Value::Object(with.filter_map(difference).collect())
}

fn told(line: &Value, added: &Value) -> Value {
    let mut told = json!({ "per_operation": line["per_operation"], "added": added });
    for (name, key) in [("noise", "noise"), ("trap", "trap"), ("others_per_open", "others"), ("facts", "facts")] {
        if !line[key].is_null() && line[key] != json!({}) {
            told[name] = line[key].clone();
        }
    }
    told
}

fn place(figures: &mut Value, name: &str, added: Value) {
    match name.split(':').collect::<Vec<_>>().as_slice() {
        ["floor", method] => figures[*method]["floor"] = added,
        ["koney", method, traps] => figures[*method][format!("koney_{traps}")] = added,
        // The agent as a whole; its detector's figures stand above.
        ["peer", "koney"] => figures["agent"] = added,
        ["peer", "koney-fanotify"] => figures["agent_fanotify"] = added,
        ["peer", peer] => figures[peer.replace('-', "_")] = added,
        _ => figures[name] = added,
    }
}

/// What koney with one trap adds over the floor of a method.
pub(crate) fn over_floor(method: &Value) -> Option<f64> {
    Some(rounded(method["koney_1"].as_f64()? - method["floor"].as_f64()?))
}

/// To a hundredth, which is as exact as the count.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(setting: &str, open: f64) -> Value {
        let counts = |open: f64| json!({ "open_close": open, "open_close_thread": open + 1.0, "stat": 500.0 });
        json!({ "setting": setting, "per_operation": counts(open), "before": counts(7000.0), "noise": 0.0, "trap": null, "facts": {} })
    }

    #[test]
    fn figures_are_what_is_added_to_an_open() {
        let mut first = line("nothing", 7000.0);
        first["kernel"] = "6.12.1".into();
        let lines = [
            first,
            line("floor:lsm", 7183.0),
            line("koney:lsm:1000", 7318.25),
            line("peer:inotifywait", 7100.0),
            line("fanotify", 7001.0),
        ];
        let figures = figures(&[("detectors", &lines)]);
        assert_eq!((&figures["release"], &figures["baseline"]), (&json!("6.12.1"), &json!(7000.0)));
        assert_eq!(figures["lsm"], json!({ "floor": 183.0, "koney_1000": 318.25 }));
        assert_eq!((&figures["inotifywait"], &figures["fanotify"]), (&json!(100.0), &json!(1.0)));
        assert_eq!(figures["settings"]["koney:lsm:1000"]["added"]["stat"], json!(0.0));
        assert!(figures["settings"]["koney:lsm:1000"].get("trap").is_none());
    }

    #[test]
    fn who_tells_of_nothing_has_no_figure() {
        let with = |told: u32| {
            let mut line = line("peer:fatrace", 7100.0);
            line["trap"] = json!({ "first": { "accesses": 21, "told": told } });
            figures(&[("daemons", &[line])])
        };
        let silent = with(0);
        assert!(silent.get("fatrace").is_none());
        assert_eq!(
            silent["settings"]["peer:fatrace"]["failed"],
            "it told of none of 21 accesses to the watched file, so it was not watching"
        );
        assert_eq!(with(1)["fatrace"], json!(100.0));
    }

    #[test]
    fn a_method_that_a_kernel_lacks_has_no_figure() {
        let figures = figures(&[("detectors", &[json!({ "setting": "koney:lsm:1", "lacks": "no bpf" })])]);
        assert!(figures["lsm"].is_null());
        assert_eq!(figures["settings"]["koney:lsm:1"]["lacks"], json!("no bpf"));
    }
}
