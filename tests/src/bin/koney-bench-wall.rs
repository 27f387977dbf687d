//! What watching one file adds to the time of an open and close of another, where this kernel lets programs attach.
//!
//! `koney-bench-wall [--object OBJECT] [--rounds 60] [--opens 5000]`, as root, on any machine; in an emulated guest times mean nothing.
//!
//! For each way of watching, and for a program that does nothing on the same hook if there is an object with it, rounds of opens alternate:
//! with nothing attached, and with it. `ratio` compares neighbouring rounds (with ÷ without); `noise` compares rounds with nothing attached,
//! one with the next, and says what ratios this machine makes of nothing. A way that the kernel refuses says so.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result};
use clap::Parser;
use koney_agent::kernel::{Choice, Detector, Job, Method, Options as Detection, Rings, Root, fanotify};
use koney_common::NameKey;
use koney_tests::{
    bench::{note, result, spread},
    floor::Floor,
};
use rustix::fs::{Mode, OFlags, open};
use serde_json::{Value, json};

/// Names the object where the command line does not.
const OBJECT: &str = "KONEY_OBJECT";
const DECOY: &str = "service_token";
/// Files that are no decoys.
const FILES: usize = 100;
const METHODS: [Method; 3] = [Method::Lsm, Method::Fentry, Method::Kprobe];

/// What watching one file adds to the time of an open and close of another
#[derive(Debug, Parser)]
struct Options {
    /// The object with the programs that do nothing
    #[arg(long)]
    object: Option<PathBuf>,
    /// Rounds with and without, for each way
    #[arg(long, default_value_t = 60)]
    rounds: u32,
    /// Opens of a round
    #[arg(long, default_value_t = 5_000)]
    opens: u32,
}

/// A way of watching.
#[derive(Clone, Copy, Debug)]
enum Way {
    Floor(Method),
    Koney(Method),
    Fanotify,
}

/// One, until dropped: the programs leave the kernel with it.
enum Attached {
    Floor { _floor: Floor },
    Koney { _koney: Box<(Detector, Rings)> },
    Fanotify { _detector: Box<fanotify::Detector> },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let options = Options::parse();
    let object = options.object.clone().or_else(|| env::var_os(OBJECT).map(PathBuf::from));
    let folder = tempfile::tempdir()?;
    let files: Vec<PathBuf> = (0..FILES).map(|number| folder.path().join(format!("ordinary-{number:02}"))).collect();
    let decoy = folder.path().join(DECOY);
    for file in files.iter().chain([&decoy]) {
        fs::write(file, "secret").with_context(|| format!("write {}", file.display()))?;
    }
    let floors = METHODS.iter().filter(|_| object.is_some()).map(|method| Way::Floor(*method));
    let ways: Vec<_> = floors.chain(METHODS.iter().map(|method| Way::Koney(*method))).chain([Way::Fanotify]).collect();
    for way in ways {
        match compare(&options, way, object.as_deref(), &decoy, &files).await {
            Ok(facts) => result("wall-open", &facts)?,
            Err(error) => {
                note(&format!("{}: {error:#}", way.name()));
                result("wall-open", &json!({ "way": way.name(), "refused": format!("{error:#}") }))?;
            }
        }
    }
    Ok(())
}

async fn compare(options: &Options, way: Way, object: Option<&Path>, decoy: &Path, files: &[PathBuf]) -> Result<Value> {
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds {
        without.push(round(options.opens, files)?);
        let attached = way.attach(object, decoy).await?;
        with.push(round(options.opens, files)?);
        drop(attached);
    }
    let ratios = with.iter().zip(&without).map(|(with, without)| with / without);
    let neighbours = without.iter().zip(without.iter().skip(1)).map(|(one, next)| next / one);
    let (ratio, noise) = (spread(ratios.collect()), spread(neighbours.collect()));
    let ns = |rounds| spread(rounds)["median"].take();
    Ok(
        json!({ "way": way.name(), "rounds": options.rounds, "ns": { "without": ns(without), "with": ns(with) }, "ratio": ratio, "noise": noise }),
    )
}

/// Nanoseconds of one open and close.
fn round(opens: u32, files: &[PathBuf]) -> Result<f64> {
    let names = files.iter().cycle().zip(0..opens);
    let start = Instant::now();
    for (file, _) in names {
        drop(open(file, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).context("open a file")?);
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(opens))
}

impl Way {
    fn name(self) -> String {
        match self {
            Self::Floor(method) => format!("a program that does nothing, {method}"),
            Self::Koney(method) => format!("koney, {method}"),
            Self::Fanotify => "koney, fanotify".to_owned(),
        }
    }

    async fn attach(self, object: Option<&Path>, decoy: &Path) -> Result<Attached> {
        let job = Job { trap: 1, root: Root::Own, path: decoy.to_owned(), known: None };
        Ok(match self {
            Self::Floor(method) => Attached::Floor { _floor: Floor::attach(object.context("which object? --object")?, method)? },
            Self::Koney(method) => {
                let how = Detection { attach: Choice::Only(method), diagnostics: false, throttle: true, changes: true };
                let (detector, rings) = Detector::start(how)?;
                detector.pool().arm(vec![job]).await.remove(0).context("arm the decoy")?;
                detector.pool().name(&NameKey::new(DECOY.as_bytes()).into_iter().collect())?;
                Attached::Koney { _koney: Box::new((detector, rings)) }
            }
            Self::Fanotify => {
                let detector = fanotify::Detector::start()?;
                detector.pool().arm(vec![job]).await.remove(0).context("mark the decoy")?;
                Attached::Fanotify { _detector: Box::new(detector) }
            }
        })
    }
}
