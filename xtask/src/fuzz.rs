//! `cargo xtask fuzz`: libFuzzer at the readers of foreign bytes, one after the other, each for a while.
//!
//! The targets are a workspace of their own (`fuzz/`), for all that they are linked with is built with the compiler's coverage hooks.
//! Those are stable options, so any toolchain that builds the agent will do, and cargo-fuzz is not needed.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum as _;

use crate::{
    cli::{FuzzArgs, FuzzTarget},
    process, ui, workspace,
};

/// What libFuzzer takes from the compiler: a counter for each edge and their addresses, and both sides of each comparison.
const COVERAGE: [&str; 6] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "--cfg fuzzing",
];

/// An input that keeps a reader busy for so many seconds is a finding.
const HANGS: u32 = 20;

/// `cargo xtask fuzz`.
pub(crate) fn command(args: &FuzzArgs) -> Result<u8> {
    let targets = args.target.map_or_else(|| FuzzTarget::value_variants().to_vec(), |target| vec![target]);
    let programs = build()?;
    let mut found = false;
    for target in targets {
        let outcome = run(target, &programs.join(target.name()), args.seconds)?;
        found |= outcome.reproducer.is_some();
        ui::line(&outcome.line(target.name()));
    }
    Ok(u8::from(found))
}

/// Builds all targets and gives their folder.
fn build() -> Result<PathBuf> {
    ui::step("build the fuzz targets");
    let host = host()?;
    let mut cargo = workspace::cargo();
    cargo.current_dir(workspace::root().join("fuzz"));
    // With a target named, build scripts and macros are spared the hooks, which nothing answers in them.
    cargo.args(["build", "--release", "--target", &host]);
    // What runs no program of the kernel's needs none inside.
    cargo.env("CARGO_TARGET_DIR", folder()).env("KONEY_EBPF_OBJECT", "/dev/null");
    cargo.env("RUSTFLAGS", COVERAGE.join(" ")).env_remove("CARGO_ENCODED_RUSTFLAGS");
    process::run(&mut cargo)?;
    Ok(folder().join(host).join("release"))
}

/// Everything that fuzzing leaves behind: programs, corpora, logs, reproducers.
fn folder() -> PathBuf {
    workspace::target().join("fuzz")
}

fn host() -> Result<String> {
    let text = process::text(Command::new("rustc").arg("-vV").current_dir(workspace::root()).env_remove("LD_LIBRARY_PATH"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say which machine it is for")?.to_owned())
}

fn run(target: FuzzTarget, program: &Path, time: Duration) -> Result<Outcome> {
    let name = target.name();
    let fuzz = workspace::root().join("fuzz");
    let seeds = fuzz.join("corpus-seeds").join(name);
    let corpus = subfolder("corpus", name)?;
    let findings = subfolder("findings", name)?;
    let log = folder().join(format!("{name}.log"));
    ui::step(&format!("fuzz {name} for {} s; log: {}", time.as_secs(), log.display()));

    let file = File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
    let mut command = Command::new(program);
    command.arg(format!("-max_total_time={}", time.as_secs())).arg(format!("-max_len={}", target.longest()));
    command.arg(format!("-timeout={HANGS}")).arg("-print_final_stats=1");
    command.arg(format!("-artifact_prefix={}/", findings.display()));
    let dictionary = fuzz.join("dictionaries").join(name);
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // What is new goes to the first folder; the second is only read.
    command.arg(&corpus).arg(&seeds).stdin(Stdio::null()).stdout(Stdio::null()).stderr(file);
    let status = command.status().with_context(|| format!("cannot start {}", process::describe(&command)))?;

    let text = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
    let outcome = Outcome::read(&String::from_utf8_lossy(&text));
    if !status.success() && outcome.reproducer.is_none() {
        bail!("{} ended with {status} and left no reproducer; its log: {}", process::describe(&command), log.display());
    }
    if let Some(reproducer) = &outcome.reproducer {
        ui::note(&format!("found; to run it again: {} {reproducer}", program.display()));
    }
    Ok(outcome)
}

fn subfolder(of: &str, name: &str) -> Result<PathBuf> {
    let path = folder().join(of).join(name);
    fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
    Ok(path)
}

/// What libFuzzer has said of one run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    executions: u64,
    edges: u64,
    inputs: u64,
    /// The input that broke something.
    reproducer: Option<String>,
}

impl Outcome {
    /// Reads libFuzzer's log. Its columns stand in lines such as `#4711 NEW cov: 12 ft: 34 corp: 5/6b`.
    fn read(log: &str) -> Self {
        let mut outcome = Self::default();
        for line in log.lines() {
            if let Some(count) = line.strip_prefix("stat::number_of_executed_units:") {
                outcome.executions = count.trim().parse().unwrap_or(outcome.executions);
            } else if let Some((_, path)) = line.split_once("Test unit written to ") {
                // A slow input is noted on the way; only the last one can have ended the run.
                outcome.reproducer = Some(path.to_owned()).filter(|path| !path.contains("/slow-unit-"));
            } else if line.starts_with('#') {
                outcome.edges = column(line, "cov:").unwrap_or(outcome.edges);
                outcome.inputs = column(line, "corp:").unwrap_or(outcome.inputs);
            }
        }
        outcome
    }

    fn line(&self, name: &str) -> String {
        let Self { executions, edges, inputs, reproducer } = self;
        let end = reproducer.as_ref().map_or_else(|| "nothing found".to_owned(), |path| format!("FOUND {path}"));
        format!("{name:<6}  {executions:>11} executions  {edges:>5} edges  {inputs:>5} inputs  {end}")
    }
}

fn column(line: &str, name: &str) -> Option<u64> {
    let value = line.split_once(name)?.1.split_whitespace().next()?;
    value.split('/').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "INFO: Loaded 1 modules   (4096 inline 8-bit counters)\n#2\tINITED cov: 5 ft: 6 corp: 1/1b exec/s: 0 rss: 30Mb\n\
        #4711\tREDUCE cov: 12 ft: 34 corp: 5/60b lim: 8 exec/s: 0 rss: 31Mb L: 3/4 MS: 1 EraseBytes-\n\
        stat::number_of_executed_units: 9000\n";

    #[test]
    fn a_run_is_read_from_its_log() {
        let clean = Outcome { executions: 9000, edges: 12, inputs: 5, reproducer: None };
        assert_eq!(Outcome::read(LOG), clean);
        let slow = format!("{LOG}artifact_prefix='/f/'; Test unit written to /f/slow-unit-0a\n");
        assert_eq!(Outcome::read(&slow), clean);
        let crash = format!("{LOG}artifact_prefix='/f/'; Test unit written to /f/crash-0a\nBase64: AA==\n");
        assert_eq!(Outcome::read(&crash).reproducer.as_deref(), Some("/f/crash-0a"));
        assert_eq!(Outcome::read(""), Outcome::default());
    }

    #[test]
    fn every_target_has_a_program_and_seeds() {
        let fuzz = workspace::root().join("fuzz");
        for target in FuzzTarget::value_variants() {
            assert!(fuzz.join("targets").join(target.name()).with_extension("rs").is_file(), "{target:?}");
            let seeds = fs::read_dir(fuzz.join("corpus-seeds").join(target.name())).expect("its seeds");
            let longest = seeds.map(|seed| seed.and_then(|seed| seed.metadata()).expect("a seed").len()).max();
            assert!(longest.is_some_and(|longest| longest <= u64::from(target.longest())), "{target:?}");
        }
    }
}
