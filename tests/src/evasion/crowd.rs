//! Many: accesses, processes, traps, strangers.

use std::fs;

use anyhow::{Result, ensure};
use koney_common::Counter;

use super::{
    scenario::{Scenario, play},
    told::Told,
    trial::{Trial, text},
};
use crate::container::{Place, Spawn};

const EVENTS: &str = "each of many accesses: it merges them";

pub(super) const ALL: &[Scenario] = &[
    Scenario::new("E35", "100,000 reads by one process, 400 processes with one each", play!(e35)).not_by_fanotify(EVENTS),
    Scenario::new("E36", "100,000 opens of a file that is no decoy", play!(e36)),
    Scenario::new("E37", "more first accesses than the ring holds, while nobody reads it", play!(e37)).not_by_fanotify("a ring"),
    Scenario::new("E43", "1,000 traps", play!(e43)),
    Scenario::new("E56", "readers on one processor that others preempt", play!(e56)).not_by_fanotify(EVENTS),
    Scenario::new("E58", "400 processes hammer one decoy while one process reads another", play!(e58)).not_by_fanotify(EVENTS),
];

fn total(told: &[Told]) -> u64 {
    told.iter().map(|told| told.count).sum()
}

/// A shell that has so many processes of its own read a file once.
fn one_each(processes: u32, path: &str) -> Spawn {
    Spawn::program([
        "sh",
        "-c",
        &format!("i=0; while [ $i -lt {processes} ]; do (: <{path}); i=$((i+1)); done; echo done; read end"),
    ])
}

async fn e35(t: &mut Trial) -> Result<()> {
    const READS: u64 = 100_000;
    const PROCESSES: u32 = 400;
    let path = t.plant("token")?;
    t.armed(&Place::Host, &path).await;
    let before = t.scene().missed();
    let reader = t.host(&["repeat", &READS.to_string(), "--", "open", &path]).await?;
    let told = t.scene().told().await;
    let first = told.first().is_some_and(|told| told.count == 1 && told.pid == Some(reader.pid));
    if !first || told.len() > 3 {
        t.wrong(format!("one process is told in {} alerts, the first of them at once: {first}", told.len()));
    }
    let missed = t.scene().missed() - before;
    t.account("one process", READS, total(&told), missed);

    let before = t.scene().missed();
    let mut shell = one_each(PROCESSES, &path).on_host()?;
    let told = t.meanwhile(&mut shell).await?;
    let missed = t.scene().missed() - before;
    t.account("many processes", PROCESSES.into(), total(&told), missed);
    t.nothing_dropped();
    Ok(())
}

async fn e36(t: &mut Trial) -> Result<()> {
    let (path, other) = (t.plant("token")?, t.plant("other")?);
    t.armed(&Place::Host, &path).await;
    let seen = t.scene().counts().get(Counter::Seen);
    t.host(&["repeat", "100000", "--", "open", &other]).await?.end().await?;
    t.quiet("strangers").await;
    t.nothing_dropped();
    ensure!(t.scene().counts().get(Counter::Seen) == seen, "an open of a stranger was taken for an access");
    Ok(())
}

async fn e37(t: &mut Trial) -> Result<()> {
    const TRAPS: usize = 1_500;
    let traps = many(t, TRAPS).await?;
    let before = t.scene().counts();
    let reader = t.host(&["read-each", &t.text("many")]).await?;
    let counts = t.scene().counts();
    let since = |counter| counts.get(counter) - before.get(counter);
    let [seen, emitted, throttled, folded, slotted, dropped] =
        [Counter::Seen, Counter::Emitted, Counter::Throttled, Counter::Folded, Counter::Slotted, Counter::Dropped].map(since);
    if seen != emitted + throttled + folded + slotted + dropped {
        t.wrong(format!(
            "seen {seen} is not emitted {emitted} + throttled {throttled} + folded {folded} + slotted {slotted} + dropped {dropped}"
        ));
    }
    if slotted == 0 {
        t.wrong("the ring was not full: nothing is proved");
    }
    let told = t.scene().told().await;
    let touched: std::collections::BTreeSet<_> =
        told.iter().filter(|told| told.pid == Some(reader.pid)).map(|told| &told.path).collect();
    let untold = traps.iter().filter(|path| !touched.contains(path)).count();
    let missed = t.scene().missed();
    t.account("traps with an alert", TRAPS as u64, (TRAPS - untold) as u64, missed);
    Ok(())
}

async fn e43(t: &mut Trial) -> Result<()> {
    const TRAPS: usize = 1_000;
    let traps = many(t, TRAPS).await?;
    t.quiet("arming").await;
    let last = traps.last().cloned().unwrap_or_default();
    let reader = t.host(&["read", &last]).await?;
    let told = t.scene().told().await;
    let right = told.len() == 1 && told.iter().all(|told| told.path == last && told.pid == Some(reader.pid));
    if !right {
        t.wrong(format!("{told:?}"));
    }
    t.account("one of them", 1, told.len() as u64, 0);
    Ok(())
}

/// So many armed traps in one folder.
pub(super) async fn many(t: &mut Trial, traps: usize) -> Result<Vec<String>> {
    let folder = t.dir("many")?;
    let mut paths = Vec::new();
    for number in 0..traps {
        let path = text(folder.join(format!("token-{number}")));
        fs::write(&path, "secret")?;
        paths.push(path);
    }
    t.scene().want_all("many", &Place::Host, &paths);
    t.settle().await;
    let armed = paths.iter().filter(|path| t.scene().state(&Place::Host, path) == "armed").count();
    ensure!(armed == traps, "{armed} of {traps} traps are armed");
    Ok(paths)
}

async fn e56(t: &mut Trial) -> Result<()> {
    const READERS: u64 = 6;
    const READS: u64 = 500;
    let (path, other) = (t.plant("token")?, t.plant("other")?);
    t.armed(&Place::Host, &path).await;
    let before = t.scene().missed();
    let (readers, reads) = (READERS.to_string(), READS.to_string());
    let mut strangers =
        Spawn::act(["pin", "0", "--", "crowd", &readers, "--", "repeat", "3000", "--", "open", &other]).on_host()?;
    let mut crowd = Spawn::act(["pin", "0", "--", "crowd", &readers, "--", "repeat", &reads, "--", "open", &path]).on_host()?;
    crowd.done().await?;
    strangers.done().await?;
    let told = t.scene().told().await;
    let missed = t.scene().missed() - before;
    t.account("readers", READERS * READS, total(&told), missed);
    Ok(())
}

async fn e58(t: &mut Trial) -> Result<()> {
    const PROCESSES: u32 = 400;
    let (hammered, quiet) = (t.plant("hammered")?, t.plant("quiet")?);
    t.armed(&Place::Host, &hammered).await;
    let trap = t.armed(&Place::Host, &quiet).await;
    let before = t.scene().missed();
    let mut shell = one_each(PROCESSES, &hammered).on_host()?;
    let reader = t.host(&["read", &quiet]).await?;
    let (mut others, mut ours) = (Vec::new(), Vec::new());
    // Told while the others go on, or at least together with them.
    let told = t.meanwhile(&mut shell).await?;
    for told in told {
        if told.path == quiet { ours.push(told) } else { others.push(told) }
    }
    let missed = t.scene().missed() - before;
    if !t.misses() || !ours.is_empty() {
        t.compare("the quiet one", [trap.open().by_identity().by(&reader)], ours);
    }
    t.account("the hammered one", PROCESSES.into(), total(&others), missed);
    t.nothing_dropped();
    Ok(())
}
