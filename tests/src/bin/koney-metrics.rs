//! Writes the reference of the metrics, from the table in which the agent declares them: `koney-metrics [--check] FILE`.

use std::{
    env,
    fmt::Write as _,
    fs,
    io::{self, Write as _},
    path::PathBuf,
};

use anyhow::{Context as _, Result, bail};
use koney_agent::admin::metrics::names::{ALL, Declared, RULE};

fn main() -> Result<()> {
    let mut words: Vec<_> = env::args_os().skip(1).collect();
    let check = words.first().is_some_and(|word| word == "--check");
    words.drain(..usize::from(check));
    let [file] = words.as_slice() else { bail!("expected: koney-metrics [--check] FILE") };
    let file = PathBuf::from(file);
    let made = reference()?;
    if fs::read_to_string(&file).unwrap_or_default() == made {
        return Ok(());
    }
    if check {
        bail!("{} is not what the agent's table of metrics makes of it: run cargo xtask generate", file.display());
    }
    fs::write(&file, made).with_context(|| format!("write {}", file.display()))?;
    writeln!(io::stdout(), "{} is made anew", file.display())?;
    Ok(())
}

fn reference() -> Result<String> {
    let mut text = format!(
        "# Metrics\n\n<!-- Made by `cargo xtask generate` from koney-agent/src/admin/metrics/names.rs; do not edit. -->\n\n\
         `GET /metrics` on the admin port (8089, loopback unless `--admin` says otherwise) is OpenMetrics text; \
         a scraper that names `text/plain` and not OpenMetrics gets Prometheus' older format.\n\
         Rules for alerts are in [`deploy/prometheus/rules.yaml`](../deploy/prometheus/rules.yaml), a dashboard in \
         [`deploy/grafana/dashboard.json`](../deploy/grafana/dashboard.json).\n\n\
         ## Names\n\n{RULE}\n## All of them\n\n| metric | type | labels | what it says | not there where |\n|---|---|---|---|---|\n"
    );
    for Declared { name, kind, unit: _, labels, help, absent } in ALL {
        let labels: Vec<_> = labels.iter().map(|label| format!("`{label}`")).collect();
        let (kind, labels, absent) = (kind.name(), labels.join(", "), absent.unwrap_or_default());
        writeln!(text, "| `{name}` | {kind} | {labels} | {help} | {absent} |")?;
    }
    Ok(text)
}
