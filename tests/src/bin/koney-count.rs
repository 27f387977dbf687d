//! Counts the instructions that koney adds to operations on a file that is no trap. Runs in a guest whose clock counts instructions:
//! `cargo xtask vm --suite count`.

use std::{
    ffi::CStr,
    fs,
    io::{self, Write as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use koney_agent::kernel::{Choice, Method};
use koney_tests::{
    count::{Instructions, settled},
    floor::Floor,
    kernel::Sight,
};
use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};
use serde_json::json;

const MEASURE: &str = "--measure";

/// Fixed names, because the kernel's search for a name depends on it.
const FOLDER: &str = "/tmp/koney/count";
const FILE: &CStr = c"/tmp/koney/count/ordinary";
const TRAP: &str = "/tmp/koney/count/service_token";

/// Comparisons that are made at most, and how far the counts with nothing attached may be apart in one that is believed.
const COMPARISONS: u32 = 6;
const MOST_NOISE: f64 = 5.0;

fn main() -> Result<()> {
    match Arguments::read()? {
        Arguments::Measure => Ok(serde_json::to_writer(io::stdout(), &Counts::of_this_process()?)?),
        Arguments::Compare { object, method } => compare(&object, method),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn compare(object: &Path, method: Method) -> Result<()> {
    fs::create_dir_all(FOLDER).context("make a folder")?;
    let file = FILE.to_str().context("a name is text")?;
    for path in [file, TRAP] {
        fs::write(path, "secret").with_context(|| format!("write {path}"))?;
    }

    let mut before = Counts::take()?;
    for _ in 0..COMPARISONS {
        let floor = {
            let _attached = Floor::attach(object, method)?;
            Counts::take()?
        };
        let Some(mut sight) = Sight::by(method, true, true, "koney-count") else {
            writeln!(io::stdout(), "koney-lacks: {}: bpf is not in the kernel's lsm= list", method.name())?;
            return Ok(());
        };
        sight.arm(Path::new(TRAP)).await;
        let with = Counts::take()?;
        drop(sight);
        let after = Counts::take()?;
        let noise = after.differences(before).into_iter().map(Instructions::abs).max().unwrap_or_default();
        if noise.number() <= MOST_NOISE {
            tell(method, before, floor, with, noise)?;
            return fs::remove_dir_all(FOLDER).context("remove the folder");
        }
        // For seconds after the boot some kernels take other ways, and do so steadily.
        before = after;
    }
    bail!("with nothing attached, the counts before and after never agreed")
}

fn tell(method: Method, before: Counts, floor: Counts, with: Counts, noise: Instructions) -> Result<()> {
    let [added, read, write, stat] = with.differences(before);
    let message = json!({
        "kernel": rustix::system::uname().release().to_string_lossy(),
        "attach": method.name(),
        "base": before.open.number(),
        "floor": (floor.open - before.open).number(),
        "with": with.open.number(),
        "added": added.number(),
        "read": read.number(),
        "write": write.number(),
        "stat": stat.number(),
        "noise": noise.number(),
    });
    Ok(writeln!(io::stdout(), "koney-count: {message}")?)
}

/// What one operation of each kind takes.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Counts {
    open: Instructions,
    read: Instructions,
    write: Instructions,
    stat: Instructions,
}

impl Counts {
    /// In a process of its own: the detector's threads and descriptors make the kernel take other ways in this one.
    fn take() -> Result<Self> {
        let program = std::env::current_exe().context("this program has a path")?;
        let output =
            Command::new(program).arg(MEASURE).stderr(Stdio::inherit()).output().context("start a process that counts")?;
        ensure!(output.status.success(), "the process that counts ended with {}", output.status);
        serde_json::from_slice(&output.stdout).context("the process that counts said something else")
    }

    fn of_this_process() -> Result<Self> {
        let open = settled("open and close", || open_file(OFlags::RDONLY).map(drop))?;
        // A read that has to note its time costs a little more than the next one.
        let file = open_file(OFlags::RDWR | OFlags::NOATIME)?;
        let mut buffer = [0; 6];
        Ok(Self {
            open,
            read: settled("read", || Ok(rustix::io::pread(&file, &mut buffer, 0).map(drop)?))?,
            write: settled("write", || Ok(rustix::io::pwrite(&file, b"secret", 0).map(drop)?))?,
            stat: settled("stat", || Ok(rustix::fs::stat(FILE).map(drop)?))?,
        })
    }

    fn differences(self, other: Self) -> [Instructions; 4] {
        [self.open - other.open, self.read - other.read, self.write - other.write, self.stat - other.stat]
    }
}

fn open_file(flags: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(FILE, flags | OFlags::CLOEXEC, Mode::empty())?)
}

enum Arguments {
    Compare { object: PathBuf, method: Method },
    Measure,
}

impl Arguments {
    fn read() -> Result<Self> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            [MEASURE] => Ok(Self::Measure),
            ["--object", object, "--attach", method] => match method.parse().map_err(anyhow::Error::msg)? {
                Choice::Only(method) => Ok(Self::Compare { object: object.into(), method }),
                _ => bail!("only eBPF programs are counted, not {method}"),
            },
            _ => bail!("usage: koney-count --object PATH --attach METHOD; `cargo xtask vm --suite count` does it for you"),
        }
    }
}
