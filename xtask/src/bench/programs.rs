//! The measuring programs of koney-tests: where each runs and with which words. What they print goes into the report as it is.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use super::{report, said};
use crate::{
    arch::Arch,
    cli::{BenchArgs, BenchPart},
    ebpf, image, process,
    setup::{self, Needs},
    test, ui,
    vm::{self, DISK, Spec, Verdict},
    workspace,
};

/// One run of a program.
struct Run {
    part: BenchPart,
    program: &'static str,
    words: &'static [&'static str],
    /// Words of a quick run.
    quick: &'static [&'static str],
    /// Words of either, by which a point of a curve differs from the others.
    point: &'static [&'static str],
    place: Place,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// On this machine, whose speed is measured.
    Here,
    /// In a guest, whose kernel takes eBPF, and whose processors are emulated: several times slower than this machine.
    Guest,
    /// In a guest whose clock counts instructions: each nanosecond is one.
    Counted,
}

impl Place {
    /// As the report tells it.
    const fn name(self) -> &'static str {
        match self {
            Self::Here => "host",
            Self::Guest => "guest",
            Self::Counted => report::COUNTED,
        }
    }
}

/// What a run of the churn tells besides is told by those of memory and growth.
const CHURN: &str = "memory-churn";

/// `FOLDER` among the words is a folder on this machine's disk, in a guest too: then it has a disk.
const FOLDER: &str = "FOLDER";

const RUNS: [Run; 23] = [
    here(BenchPart::Wall, "koney-bench-wall", &[], &["--rounds", "2", "--opens", "1000"]),
    here(
        BenchPart::Pipeline,
        "koney-bench-pipeline",
        &["--folder", FOLDER],
        &["--records", "2000", "--samples", "20", "--burst", "200", "--rates", "10"],
    ),
    here(BenchPart::Pipeline, "koney-bench-allocations", &[], &[]),
    here(BenchPart::Queue, "koney-bench-queue", &["--folder", FOLDER], &["--alerts", "100", "--rows", "500", "--sinks", "1"]),
    here(BenchPart::HangingSink, "koney-bench-hanging-sink", &["--folder", FOLDER], &["--rounds", "1", "--samples", "10"]),
    guest(
        BenchPart::Latency,
        "koney-bench-latency",
        &["--state", FOLDER],
        &["--state", FOLDER, "--samples", "10", "--warm-up", "2"],
    ),
    // Without a disk, which keeps a time of its own.
    counted(BenchPart::Latency, "koney-bench-latency", &["--samples", "100"], &["--samples", "5", "--warm-up", "2"]),
    guest(BenchPart::Memory, "koney-bench-memory", &[], &["--traps", "20", "--containers", "3", "--idle", "2", "--flood", "2"]),
    counted(
        BenchPart::Memory,
        "koney-bench-memory",
        &["--idle", "60", "--flood", "0"],
        &["--traps", "20", "--containers", "3", "--idle", "1", "--flood", "0"],
    ),
    // How many of them this machine does in a nanosecond, of what was measured on it too.
    counted(BenchPart::Memory, "koney-bench-pipeline", &["--stages-only"], &["--stages-only", "--records", "2000"]),
    guest(
        BenchPart::Churn,
        "koney-bench-memory",
        &["--idle", "1", "--flood", "0", "--churn-minutes", "60"],
        &["--traps", "20", "--containers", "3", "--idle", "1", "--flood", "0", "--churn-minutes", "1"],
    ),
    grown_memory(&["--containers", "0", "--traps", "10"]),
    grown_memory(&["--containers", "0", "--traps", "100"]),
    grown_memory(&["--containers", "0", "--traps", "1000"]),
    grown_memory(&["--containers", "0", "--traps", "10000"]),
    grown_memory(&["--containers", "30"]),
    grown_memory(&["--containers", "100"]),
    grown_memory(&["--containers", "0", "--policies", "1"]),
    grown_memory(&["--containers", "0", "--policies", "1000"]),
    grown_memory(&["--containers", "0", "--sinks", "8"]),
    grown_pipeline(SOCKETS, &["--sinks", "2"]),
    grown_pipeline(SOCKETS, &["--sinks", "8"]),
    grown_pipeline(&[], &["--stages-only", "--policies", "10"]),
];

const fn here(part: BenchPart, program: &'static str, words: &'static [&'static str], quick: &'static [&'static str]) -> Run {
    Run { part, program, words, quick, point: &[], place: Place::Here }
}

const fn guest(part: BenchPart, program: &'static str, words: &'static [&'static str], quick: &'static [&'static str]) -> Run {
    Run { part, program, words, quick, point: &[], place: Place::Guest }
}

const fn counted(part: BenchPart, program: &'static str, words: &'static [&'static str], quick: &'static [&'static str]) -> Run {
    Run { place: Place::Counted, ..here(part, program, words, quick) }
}

/// A point of a curve.
const fn grown_memory(point: &'static [&'static str]) -> Run {
    const WORDS: &[&str] = &["--idle", "1", "--flood", "0"];
    Run { point, ..guest(BenchPart::Growth, "koney-bench-memory", WORDS, WORDS) }
}

const fn grown_pipeline(words: &'static [&'static str], point: &'static [&'static str]) -> Run {
    Run { point, ..here(BenchPart::Growth, "koney-bench-pipeline", words, words) }
}

/// As far as the socket of a receiver.
const SOCKETS: &[&str] = &["--folder", FOLDER, "--records", "2000", "--samples", "100", "--burst", "2000", "--rates", "10"];

/// Makes the accesses.
const ACTOR: &str = "koney-act";
const KERNEL: &str = "6.12";
const TIMEOUT: Duration = Duration::from_hours(2);
const MEMORY_MIB: u32 = 4096;
const DISK_MIB: u32 = 2048;

/// Runs the programs of a part; gives what failed or is not there.
pub(crate) fn run(part: BenchPart, args: &BenchArgs, arch: Arch, report: &mut Value) -> Vec<String> {
    let mut failures = Vec::new();
    let mut results = Vec::new();
    for run in RUNS.iter().filter(|run| run.part == part) {
        let Run { program, words, quick, point, place, .. } = run;
        if !exists(program) {
            let missing = format!("{}: there is no program {program} in koney-tests: nothing was measured", part.name());
            if !failures.contains(&missing) {
                results.push(lacking(program, &missing));
                failures.push(missing);
            }
            continue;
        }
        let words = [if args.quick { *quick } else { *words }, *point].concat();
        ui::step(&format!("bench: {program} {}", words.join(" ")));
        let ended = match place {
            Place::Here => on_this_machine(arch, program, &words),
            Place::Guest | Place::Counted => in_a_guest(args, arch, program, &words, *place == Place::Counted),
        };
        match ended {
            Ok(said) if said.is_empty() => failures.push(format!("{program} ended without a result")),
            Ok(said) => results.extend(said.into_iter().filter(|said| part != BenchPart::Churn || said["what"] == CHURN).map(
                |mut result| {
                    result["program"] = json!(program);
                    result["where"] = json!(place.name());
                    result
                },
            )),
            Err(error) => {
                let failure = format!("{program}: {error:#}");
                results.push(lacking(program, &failure));
                failures.push(failure);
            }
        }
    }
    report["results"][part.name()] = Value::Array(results);
    failures
}

/// Stands in the report in the place of a result.
fn lacking(program: &str, reason: &str) -> Value {
    json!({ "what": "nothing measured", "program": program, "where": "nowhere", "reason": reason })
}

fn exists(program: &str) -> bool {
    let file = workspace::root().join("tests/src/bin").join(program);
    file.with_extension("rs").is_file() || file.join("main.rs").is_file()
}

fn on_this_machine(arch: Arch, program: &str, words: &[&str]) -> Result<Vec<Value>> {
    let (object, agent) = (ebpf::build(arch)?, image::agent(arch)?);
    // As users have it: optimised as the agent is.
    let file = test::released(arch, program)?;
    let folder = workspace::target().join("bench");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let mut command = Command::new(&file);
    command.env("KONEY_AGENT", agent).env("KONEY_OBJECT", object).stdin(Stdio::null()).stderr(Stdio::inherit());
    for word in words {
        if *word == FOLDER {
            command.arg(&folder)
        } else {
            command.arg(word)
        };
    }
    let output = command.output().with_context(|| format!("cannot start {}", process::describe(&command)))?;
    ensure!(output.status.success(), "{} failed with {}", process::describe(&command), output.status);
    said::results(&String::from_utf8_lossy(&output.stdout))
}

fn in_a_guest(args: &BenchArgs, arch: Arch, program: &str, words: &[&str], counted: bool) -> Result<Vec<Value>> {
    let series = args.kernel.first().map_or(KERNEL, String::as_str);
    setup::ensure(&Needs::test(arch, &[series.to_owned()]))?;
    ebpf::build(arch)?;
    let agent = image::agent(arch)?;
    let file = test::released(arch, program)?;
    let text = |path: &Path| path.to_str().map(str::to_owned).context("a program's path is text");
    let mut command = vec![text(&file)?];
    command.extend(words.iter().map(|word| if *word == FOLDER { DISK.to_owned() } else { (*word).to_owned() }));
    let mut spec = Spec::new(arch, series, command);
    spec.timeout = TIMEOUT;
    spec.memory_mib = MEMORY_MIB;
    spec.icount = counted;
    // What an agent does at once on a node, it does at once here.
    spec.threads = !counted;
    if words.contains(&FOLDER) {
        spec.disk(DISK_MIB);
    }
    spec.programs.push(file.clone());
    // Those that want somebody to act look for him beside themselves.
    spec.programs.push(test::released(arch, ACTOR)?);
    spec.files.push((agent, PathBuf::from("/root/koney-agent")));
    spec.env.push(("KONEY_AGENT".to_owned(), "/root/koney-agent".to_owned()));
    let mut said = String::new();
    let verdict = vm::run(&spec, &mut |line| {
        ui::note(line);
        said.push_str(line);
        said.push('\n');
    })?;
    let log = report::folder().join(format!("bench/{program}.log"));
    workspace::write_atomically(&log, said.as_bytes())?;
    match verdict {
        Verdict::Exited(0) => said::results(&said),
        verdict => bail!("{verdict}; what the guest said: {}", log.display()),
    }
}
