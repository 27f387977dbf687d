//! What the other tasks of this machine have done: daemons, and the kernel's own threads.

use std::{collections::BTreeMap, fs, process, thread, time::Duration};

use anyhow::{Context as _, Result};

/// Long enough for a daemon to tell of what it has seen; koney sums up repeats after ten seconds. Where nothing is to be done, the clock of
/// such a guest jumps.
const WINDOW: Duration = Duration::from_secs(14);

/// Nanoseconds on a processor, which are instructions, of each task that is not this process's.
fn times() -> Result<BTreeMap<u32, u64>> {
    let mut times = BTreeMap::new();
    for entry in fs::read_dir("/proc").context("list processes")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if pid == process::id() {
            continue;
        }
        // A process may end meanwhile.
        for task in fs::read_dir(entry.path().join("task")).into_iter().flatten().flatten() {
            let number = task.file_name().to_str().and_then(|name| name.parse::<u32>().ok());
            let text = fs::read_to_string(task.path().join("schedstat")).ok();
            let time = text.as_deref().and_then(|text| text.split(' ').next()?.parse::<u64>().ok());
            times.extend(number.zip(time));
        }
    }
    Ok(times)
}

/// Does something and gives what others have done because of it, until they had nothing more to do: what they do anyway is taken off.
pub(crate) fn during<T>(something: impl FnOnce() -> Result<T>) -> Result<(T, Duration)> {
    let start = times()?;
    thread::sleep(WINDOW);
    let idle = times()?;
    let done = something()?;
    thread::sleep(WINDOW);
    let end = times()?;
    let spent = |from: &BTreeMap<u32, u64>, to: &BTreeMap<u32, u64>| -> u64 {
        // A task that has ended meanwhile is not there any more: those that this program starts do not count.
        to.iter().filter_map(|(task, time)| Some(time.saturating_sub(*from.get(task)?))).sum()
    };
    Ok((done, Duration::from_nanos(spent(&idle, &end).saturating_sub(spent(&start, &idle)))))
}
