//! Accesses at full speed, by processes that the kernel has not seen before.

use std::{
    env,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, ensure};
use tokio::{process::Command, task::JoinSet};

/// What such a process is told by; the name of a file with a path a line follows.
pub(crate) const OPEN_EACH: &str = "--open-each";

/// Opens each of them once.
pub(crate) fn open_each(list: &Path) -> Result<()> {
    let list = fs::read_to_string(list).context("read the list of decoys")?;
    for path in list.lines() {
        File::open(path).with_context(|| format!("open {path}"))?;
    }
    Ok(())
}

/// Has processes open all of them, so many at a time, for so long; says how many processes there were. `between` is called after each.
pub(crate) async fn run(paths: &[PathBuf], at_a_time: usize, duration: Duration, between: impl Fn()) -> Result<usize> {
    let mut list = tempfile::NamedTempFile::new().context("a list of decoys")?;
    for path in paths {
        writeln!(list, "{}", path.display())?;
    }
    let program = env::current_exe().context("this program has a path")?;
    let start = || {
        let mut process = Command::new(&program);
        let process = process.arg(OPEN_EACH).arg(list.path()).stdin(Stdio::null()).stdout(Stdio::null()).kill_on_drop(true);
        let mut process = process.spawn().context("start a process of the flood")?;
        Ok::<_, anyhow::Error>(async move { process.wait().await })
    };
    let (end, mut running, mut ended) = (Instant::now() + duration, JoinSet::new(), 0);
    for _ in 0..at_a_time {
        running.spawn(start()?);
    }
    while let Some(status) = running.join_next().await {
        ensure!(status??.success(), "a process of the flood could not open a decoy");
        ended += 1;
        between();
        if Instant::now() < end {
            running.spawn(start()?);
        }
    }
    Ok(ended)
}
