//! What is counted, in a process of its own: the detector's threads and descriptors make the kernel take other ways in this one.

use std::{
    collections::BTreeMap,
    env,
    ffi::{CStr, CString},
    fmt, fs, io,
    os::fd::OwnedFd,
    process::{Command, Stdio},
    str::FromStr,
};

use anyhow::{Context as _, Result, bail, ensure};
use koney_tests::count::{Count, Effort, Instructions, Of, counted, now};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use super::scene::{self, ARCHIVE, UNPACKED};

/// Instructions of each operation.
pub(crate) type Counts = BTreeMap<String, f64>;

/// The operation that all others are told beside.
pub(crate) const OPEN: &str = "open_close";
/// The same by this thread's own time.
pub(crate) const OPEN_THREAD: &str = "open_close_thread";
/// Ends the name of how far the counts of an operation were apart that has not settled.
const SPREAD: &str = "_spread";
/// A single open of a file by a process that has opened others before.
pub(crate) const ONCE: &str = "once";

/// Opens of an ordinary file before the one that counts.
const WARM_UP: usize = 300;

/// One kind of counting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// Every operation on ordinary files, until its count has settled.
    All { quick: bool },
    /// The first open of this file by a process.
    Once(String),
    /// This file so many times over.
    Repeat(String, u32),
}

impl Work {
    /// Does it in a process of its own.
    pub(crate) fn elsewhere(&self) -> Result<Counts> {
        let program = env::current_exe().context("this program has a path")?;
        let output = Command::new(program).args(["--work", &self.to_string()]).stderr(Stdio::inherit()).output();
        let output = output.context("start a process that counts")?;
        ensure!(output.status.success(), "the process that counts ended with {}", output.status);
        serde_json::from_slice(&output.stdout).context("the process that counts said something else")
    }

    /// Does it here.
    pub(crate) fn do_it(&self) -> Result<Counts> {
        let files = scene::files()?;
        match self {
            Self::All { quick } => all(&files, *quick),
            Self::Once(path) => once(&files, &CString::new(path.as_str())?),
            Self::Repeat(path, times) => {
                let path = CString::new(path.as_str())?;
                let start = now(Of::Thread);
                for _ in 0..*times {
                    open(&path, OFlags::RDONLY)?;
                }
                let taken = now(Of::Thread).saturating_sub(start);
                Ok([(OPEN.to_owned(), Instructions::of(taken, *times).number())].into())
            }
        }
    }
}

/// The count of an open and close.
pub(crate) fn open_of(counts: &Counts) -> Result<f64> {
    counts.get(OPEN).copied().context("an open was counted")
}

fn all(files: &[CString], quick: bool) -> Result<Counts> {
    let mut counts = Counts::new();
    let mut each = files.iter().cycle();
    let mut next = || each.next().map(CString::as_c_str).ok_or(Errno::NOENT);
    let mut add = |name: &str, count: Count| {
        counts.insert(name.to_owned(), count.instructions.number());
        counts.extend(count.spread.map(|spread| (format!("{name}{SPREAD}"), spread.number())));
    };
    // What a daemon does meanwhile is not this thread's.
    let thread = Effort { of: Of::Thread, ..Effort::CALL };
    let call = |effort, name, operation: &mut dyn FnMut() -> io::Result<()>| counted(effort, name, || Ok(()), operation);
    add(OPEN, call(Effort::CALL, OPEN, &mut || open(next()?, OFlags::RDONLY).map(drop))?);
    add(OPEN_THREAD, call(thread, OPEN, &mut || open(next()?, OFlags::RDONLY).map(drop))?);
    if quick {
        return Ok(counts);
    }
    let mut buffer = [0; 6];
    let read = &mut || Ok(rustix::io::read(open(next()?, OFlags::RDONLY | OFlags::NOATIME)?, &mut buffer).map(drop)?);
    add("open_read_close", call(thread, "open, read and close", read)?);
    add("stat", call(thread, "stat", &mut || Ok(rustix::fs::stat(next()?).map(drop)?))?);
    let file = open(next()?, OFlags::RDWR | OFlags::NOATIME)?;
    add("read", call(thread, "read", &mut || Ok(rustix::io::pread(&file, &mut buffer, 0).map(drop)?))?);
    add("write", call(thread, "write", &mut || Ok(rustix::io::pwrite(&file, b"secret", 0).map(drop)?))?);
    add("exec", counted(Effort::PROCESS, "exec of /usr/bin/true", || Ok(()), || run("/usr/bin/true", &[]))?);
    add("untar", counted(Effort::PROCESS, "untar", emptied, || run("busybox", &["tar", "-xf", ARCHIVE, "-C", UNPACKED]))?);
    Ok(counts)
}

/// What has not settled.
pub(crate) fn unsettled(counts: &Counts) -> Vec<&str> {
    counts.keys().filter_map(|name| name.strip_suffix(SPREAD)).collect()
}

fn once(files: &[CString], path: &CStr) -> Result<Counts> {
    for file in files.iter().cycle().take(WARM_UP) {
        open(file, OFlags::RDONLY)?;
    }
    let zero = now(Of::Thread);
    let start = now(Of::Thread);
    open(path, OFlags::RDONLY)?;
    let end = now(Of::Thread);
    // Reading the clock takes instructions too.
    let taken = end.saturating_sub(start).saturating_sub(start.saturating_sub(zero));
    Ok([(ONCE.to_owned(), Instructions::of(taken, 1).number())].into())
}

fn open(path: &CStr, flags: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

fn run(program: &str, arguments: &[&str]) -> io::Result<()> {
    let status = Command::new(program).args(arguments).status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{program} ended with {status}"))) }
}

fn emptied() -> io::Result<()> {
    match fs::remove_dir_all(UNPACKED) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => fs::create_dir(UNPACKED),
    }
}

impl fmt::Display for Work {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All { quick: false } => formatter.write_str("all"),
            Self::All { quick: true } => formatter.write_str("quick"),
            Self::Once(path) => write!(formatter, "once:{path}"),
            Self::Repeat(path, times) => write!(formatter, "repeat:{times}:{path}"),
        }
    }
}

impl FromStr for Work {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text.split(':').collect::<Vec<_>>().as_slice() {
            ["all"] => Self::All { quick: false },
            ["quick"] => Self::All { quick: true },
            ["once", path] => Self::Once((*path).to_owned()),
            ["repeat", times, path] => Self::Repeat((*path).to_owned(), times.parse().context("how many times")?),
            _ => bail!("{text:?} is no work"),
        })
    }
}
