//! Plays the evasion suite in this kernel by one attach method, and says what came of each scenario.
//!
//! `koney-evasion --attach lsm|fentry|kprobe|fanotify [--only E1,E7] [--list]`: `koney-rows: N`, then for each `koney-row: ` and JSON; or
//! `koney-lacks: METHOD: REASON` where the kernel truly lacks the method. Exits 0 when every row holds.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result, bail};
use koney_tests::evasion::{Attach, Run, Scenario, all};

#[tokio::main(worker_threads = 2)]
async fn main() -> Result<ExitCode> {
    let (mut attach, mut only, mut list) = (None, Vec::new(), false);
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} takes a value"));
        match word.as_str() {
            "--attach" => attach = Some(value()?.parse::<Attach>().map_err(anyhow::Error::msg)?),
            "--only" => only = value()?.split(',').map(str::to_owned).collect(),
            "--list" => list = true,
            other => bail!("unknown option {other}: expected --attach METHOD, --only E1,E7 or --list"),
        }
    }
    if let Some(unknown) = only.iter().find(|id| all().all(|scenario| scenario.id != *id)) {
        bail!("there is no scenario {unknown}; --list names them");
    }
    let chosen: Vec<_> = all().filter(|scenario| only.is_empty() || only.iter().any(|id| id == scenario.id)).collect();
    if list {
        for scenario in chosen {
            say(&format!("{}\t{}", scenario.id, scenario.title))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let attach = attach.context("--attach lsm|fentry|kprobe|fanotify is missing")?;
    play(attach, &chosen).await
}

async fn play(attach: Attach, chosen: &[&Scenario]) -> Result<ExitCode> {
    let mut run = match Run::start(attach).await {
        Ok(run) => run,
        Err(error) => match attach.lacking() {
            Some(reason) => {
                say(&format!("koney-lacks: {attach}: {reason}"))?;
                return Ok(ExitCode::SUCCESS);
            }
            None => return Err(error.context(format!("{attach} must work on this kernel"))),
        },
    };
    say(&format!("koney-rows: {}", chosen.len()))?;
    let mut all_hold = true;
    for scenario in chosen {
        let row = run.play(scenario).await;
        all_hold &= row.holds;
        say(&format!("koney-row: {}", row.json()))?;
    }
    Ok(if all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn say(line: &str) -> Result<()> {
    Ok(io::stdout().write_all(format!("{line}\n").as_bytes())?)
}
