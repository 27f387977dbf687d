//! The agent as a whole: killed and started again, and in a pid namespace of its own.

use anyhow::{Context as _, Result, ensure};
use koney_agent::kernel::Method;
use serde_json::Value;

use super::{
    attach::Attach,
    scenario::{Scenario, play},
    trial::{Trial, text},
};
use crate::{
    agent::{self, Agent},
    container::Spawn,
    manifests,
};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new("E57", "the agent in a pid namespace of its own", play!(e57)),
    Scenario::new("E44", "accesses while the agent is killed are told by the next one", play!(e44))
        .not_by_fanotify("anything while its agent is not there"),
];

/// Where the agents of the suite pin.
const PINS: &str = "/sys/fs/bpf/koney-suite";

async fn e44(t: &mut Trial) -> Result<()> {
    if t.attach == Attach::Ebpf(Method::Kprobe) && !t.kernel_since(5, 15) {
        t.skip("the link of a kprobe cannot outlive its process before Linux 5.15", (5, 15));
        return Ok(());
    }
    t.alone();
    let folder = t.dir("manifests")?;
    let path = t.plant("token")?;
    manifests::put(&folder, "policy.yaml", &manifests::policy(&path)).context("write the policy")?;
    let attach = t.attach.to_string();
    let words = ["--attach", &attach, "--pins", PINS, "--log", "debug"];
    let start = || -> Result<Agent> { Agent::start(&agent::program()?, &folder, &words) };
    let outcome = killed(t, &start, &path).await;
    // Whatever came of it, nothing of the agent's may be left to those that follow.
    let mut detach = Spawn::program([&text(agent::program()?), "detach", "--pins", PINS].map(str::to_owned)).on_host()?;
    detach.exit().await?;
    outcome
}

async fn killed(t: &mut Trial, start: &(dyn Fn() -> Result<Agent> + Sync), path: &str) -> Result<()> {
    let first = start()?;
    first.logged("traps armed=1 traps=1").await?;
    let before = t.host(&["read", path]).await?;
    first.alerts(1).await?;
    first.kill_settled(1).await?;
    let meanwhile = [t.host(&["read", path]).await?, t.host(&["read", path]).await?];
    let second = start()?;
    second.logged("traps armed=1 traps=1").await?;
    let after = t.host(&["read", path]).await?;
    let wanted: Vec<_> = meanwhile.iter().chain([&after]).map(|process| u64::from(process.pid)).collect();
    let last = wanted.last().copied().unwrap_or_default();
    agent::until(|| second.lines().iter().any(|line| pid(line) == Some(last)).then_some(()))
        .await
        .context("the last access is told")?;
    let end = second.stop().await?;
    ensure!(end.status.success(), "{}", end.log);
    let mut told: Vec<_> = end.alerts.iter().filter_map(|line| pid(line)).collect();
    told.sort_unstable();
    if told.contains(&u64::from(before.pid)) {
        t.wrong("what was told before the kill was told again");
    }
    if told != wanted {
        t.wrong(format!("processes {told:?} were told, not {wanted:?}"));
    }
    let counted = told.iter().filter(|pid| wanted.contains(pid)).count();
    t.account("before, meanwhile and after", wanted.len() as u64, counted as u64, 0);
    Ok(())
}

/// The process of an alert line; coverage alerts have none.
fn pid(line: &str) -> Option<u64> {
    serde_json::from_str::<Value>(line).ok()?.pointer("/process/pid")?.as_u64()
}

async fn e57(t: &mut Trial) -> Result<()> {
    // The suite itself, where its own number is 1: what holds out here must hold in there.
    const ONLY: &str = "E1,E3,E24,E31";
    t.alone();
    let (program, attach) = (text(std::env::current_exe()?), t.attach.to_string());
    let words = ["busybox", "unshare", "-f", "-m", "-p", "--mount-proc", &program, "--attach", &attach, "--only", ONLY];
    let mut suite = Spawn::program(words).on_host()?;
    let mut rows = 0;
    while let Some(line) = suite.line().await? {
        let Some(row) = line.strip_prefix("koney-row: ") else { continue };
        let row: Value = serde_json::from_str(row).context("a row is JSON")?;
        let number = |name: &str| row[name].as_u64().unwrap_or_default();
        t.account("inside", number("expected"), number("alerts"), number("missed"));
        if row["holds"] != Value::Bool(true) {
            t.wrong(format!("{}: {}", row["id"], row["detail"]));
        }
        rows += 1;
    }
    let status = suite.exit().await?;
    ensure!(rows == ONLY.split(',').count(), "{rows} rows came, and status {status:?}");
    Ok(())
}
