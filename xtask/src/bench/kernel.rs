//! The cost in the kernel, counted in guests whose clock counts instructions.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::{instructions, peers, report, said};
use crate::{
    arch::Arch,
    at_once,
    cli::BenchArgs,
    ebpf, image,
    setup::{self, Needs},
    test, ui,
    vm::{self, Spec, Verdict, kernel},
};

const PROGRAM: &str = "koney-bench-kernel";
/// Where the guest has the object with the programs that do nothing, and the agent.
const OBJECT: &str = "/root/koney-ebpf.o";
const AGENT: &str = "/root/koney-agent";
/// The kernels of a run that names none, and of a quick one.
const KERNELS: [&str; 3] = ["6.1", "6.12", "7.3"];
const QUICK: &str = "6.12";
/// eBPF's attach methods.
pub(crate) const METHODS: [&str; 3] = ["lsm", "fentry", "kprobe"];
/// How many traps there are beside one.
const MANY: [usize; 2] = [1_000, 100_000];
const TIMEOUT: Duration = Duration::from_hours(2);

/// What one guest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    /// koney's detectors with one trap and the floor of each method, and no other operation than an open and close.
    Little,
    /// The same with many traps too, and every operation.
    Detectors,
    /// The agent and its peers, as daemons.
    Daemons,
}

/// What goes into every guest.
struct Parts {
    program: PathBuf,
    object: PathBuf,
    agent: Option<PathBuf>,
    peers: Vec<(PathBuf, PathBuf)>,
    versions: Vec<(String, String)>,
}

/// Counts on each kernel and puts it into the report; gives what failed.
pub(crate) fn run(args: &BenchArgs, arch: Arch, report: &mut Value) -> Result<Vec<String>> {
    let mut series = kernel::select(&args.kernel)?;
    if series.is_empty() {
        series = if args.quick { vec![QUICK.to_owned()] } else { KERNELS.map(str::to_owned).to_vec() };
    }
    setup::ensure(&Needs::test(arch, &series))?;
    // The budget is koney's alone.
    let little = args.quick || args.budget;
    let parts = Parts::build(arch, !little)?;
    let halves: &[Half] = if little { &[Half::Little] } else { &[Half::Daemons, Half::Detectors] };
    let jobs: Vec<_> = series.iter().flat_map(|series| halves.iter().map(move |half| (series.clone(), *half))).collect();
    let ended = at_once::each(&jobs, at_once::guests(), |(series, half)| boot(arch, series, *half, &parts));
    let mut failures = Vec::new();
    for series in &series {
        let mut lines = Vec::new();
        for ((_, half), ended) in jobs.iter().zip(&ended).filter(|((of, _), _)| of == series) {
            lines.push((half.name(), ended.lines.as_slice()));
            failures.extend(ended.failure.iter().map(|failure| format!("kernel {series}, {half:?}: {failure}")));
        }
        let mut figures = instructions::figures(&lines);
        figures["guest"] = json!({
            "qemu": vm::qemu_words(&Spec { icount: true, ..spec(arch, series, Vec::new()) }),
            "qemu_version": vm::qemu_version(arch)?,
            "cpu": "QEMU's `max`",
        });
        figures["peers"] = parts.versions.iter().map(|(name, version)| (name.clone(), Value::from(version.as_str()))).collect();
        report["kernel"][series] = figures;
    }
    Ok(failures)
}

/// What koney adds to an open over the floor of each method.
pub(crate) fn over_floor(arch: Arch, series: &str) -> Result<BTreeMap<&'static str, f64>> {
    let Ended { lines, failure } = boot(arch, series, Half::Little, &Parts::build(arch, false)?);
    if let Some(failure) = failure {
        bail!("{failure}");
    }
    let figures = instructions::figures(&[(Half::Little.name(), &lines)]);
    Ok(METHODS.into_iter().filter_map(|method| Some((method, instructions::over_floor(&figures[method])?))).collect())
}

impl Parts {
    fn build(arch: Arch, whole: bool) -> Result<Self> {
        let object = ebpf::build(arch)?;
        ui::step("build the counting program");
        let program = test::program(arch, PROGRAM)?;
        let agent = if whole { Some(image::agent(arch)?) } else { None };
        let peers = if whole { peers::files(arch)? } else { Vec::new() };
        let versions = if whole { peers::versions(arch)? } else { Vec::new() };
        Ok(Self { program, object, agent, peers, versions })
    }
}

/// What a guest said, and why that is not all.
struct Ended {
    lines: Vec<Value>,
    failure: Option<String>,
}

impl Half {
    fn name(self) -> &'static str {
        match self {
            Self::Little | Self::Detectors => "detectors",
            Self::Daemons => "daemons",
        }
    }

    fn settings(self) -> Vec<String> {
        if self == Self::Daemons {
            return peers::SETTINGS.map(peers::setting).to_vec();
        }
        let mut settings = Vec::new();
        for method in METHODS {
            settings.extend([format!("floor:{method}"), format!("koney:{method}:1")]);
        }
        if self == Self::Detectors {
            settings.push("fanotify".to_owned());
            // What takes longest comes last.
            settings.extend(MANY.iter().flat_map(|traps| METHODS.map(|method| format!("koney:{method}:{traps}"))));
        }
        settings
    }
}

fn spec(arch: Arch, series: &str, command: Vec<String>) -> Spec {
    let mut spec = Spec::new(arch, series, command);
    spec.icount = true;
    spec.timeout = TIMEOUT;
    spec.memory_mib = 3072;
    spec.tools.push("true");
    spec
}

fn boot(arch: Arch, series: &str, half: Half, parts: &Parts) -> Ended {
    let name = format!("{series}-{}", half.name());
    ui::step(&format!("count instructions in {name}"));
    match booted(arch, series, half, parts, &name) {
        Ok(ended) => ended,
        Err(error) => Ended { lines: Vec::new(), failure: Some(format!("{error:#}")) },
    }
}

fn booted(arch: Arch, series: &str, half: Half, parts: &Parts, name: &str) -> Result<Ended> {
    let program = parts.program.to_str().context("the program's path is text")?;
    let mut command = vec![program.to_owned(), "--object".to_owned(), OBJECT.to_owned()];
    command.extend((half == Half::Little).then(|| "--quick".to_owned()));
    command.extend(half.settings());
    let mut spec = spec(arch, series, command);
    spec.programs.push(parts.program.clone());
    spec.files.push((parts.object.clone(), OBJECT.into()));
    if half == Half::Daemons {
        spec.files.extend(parts.peers.iter().cloned());
        spec.files.extend(parts.agent.iter().map(|agent| (agent.clone(), Path::new(AGENT).to_owned())));
    }
    let log = report::folder().join(format!("bench/{name}.log"));
    fs::create_dir_all(report::folder().join("bench")).context("cannot create the folder of the report")?;
    let mut text = String::new();
    let verdict = vm::run(&spec, &mut |line| {
        text.push_str(line);
        text.push('\n');
        if let Some(setting) = said::results(line).ok().and_then(|results| Some(results.first()?["setting"].as_str()?.to_owned()))
        {
            ui::note(&format!("{name}: {setting}"));
        }
        // Whoever waits sees how far it is; what cannot be written now is written at the end.
        fs::write(&log, &text).ok();
    });
    fs::write(&log, &text).with_context(|| format!("cannot write {}", log.display()))?;
    let failure = match verdict {
        Ok(Verdict::Exited(0)) => None,
        Ok(verdict) => Some(format!("{verdict}; what the guest said: {}", log.display())),
        Err(error) => bail!("{error:#}"),
    };
    Ok(Ended { lines: said::results(&text)?, failure })
}
