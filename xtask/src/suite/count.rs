//! What koney adds to operations on files that are no traps, in instructions: counted, not timed, so the bounds can be asserted.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result};

use super::{
    counted::{self, Run},
    guests::Guest,
    report, run, transcript,
};
use crate::{
    arch::Arch,
    cli::{Attach, Variant, VmArgs},
    counts::Counts,
    ebpf,
    exit::Exit,
    setup::{self, Needs},
    test, ui,
    vm::{self, Spec, Verdict, kernel},
};

const PROGRAM: &str = "koney-count";

/// Where the guest finds the object with the programs that do nothing.
const OBJECT: &str = "/root/koney-ebpf.o";

/// The kernel of a run that names none.
const KERNEL: &str = "6.12";

/// Counting instructions makes emulation several times slower.
const TIMEOUT: Duration = Duration::from_mins(30);

/// `cargo xtask vm --suite count`.
pub(crate) fn command(args: &VmArgs) -> Result<u8> {
    let (arch, methods) = (args.arch.map_or_else(Arch::here, Ok)?, methods(args)?);
    let mut series = if args.narrow.all_kernels { setup::offered(arch)? } else { kernel::select(&args.kernel)? };
    if series.is_empty() {
        series.push(KERNEL.to_owned());
    }
    setup::ensure(&Needs::test(arch, &series))?;
    let object = ebpf::build(arch)?;
    ui::step("build the counting program");
    let program = run::find(&test::programs(arch)?, PROGRAM)?;

    let mut total = Counts::default();
    for series in series {
        let variant = args.variant.unwrap_or(if series == "5.10" { Variant::LsmWithBpf } else { Variant::Default });
        let guest = Guest { arch, series, variant };
        let runs = boot(args, &guest, &methods, &program, &object)?;
        for line in counted::table(&guest.name(), &runs) {
            ui::line(&line);
        }
        total += runs.iter().map(Run::counts).sum();
    }
    ui::line(&total.to_string());
    Ok(u8::from(total.failed > 0))
}

fn methods(args: &VmArgs) -> Result<Vec<Attach>> {
    if !args.narrow.only.is_empty() || args.narrow.record {
        return Err(Exit::usage("--only and --record are for the evasion suite").into());
    }
    match args.narrow.attach.as_slice() {
        [] => Ok(vec![Attach::Lsm, Attach::Fentry, Attach::Kprobe]),
        some if some.contains(&Attach::Fanotify) => Err(Exit::usage("there is no program to count with fanotify").into()),
        some => Ok(some.to_vec()),
    }
}

fn boot(args: &VmArgs, guest: &Guest, methods: &[Attach], program: &Path, object: &Path) -> Result<Vec<Run>> {
    let name = guest.name();
    ui::step(&format!("count instructions in {name}"));
    let words = format!("'{}' --object {OBJECT}", program.display());
    let script = transcript::script(&words, methods);
    let mut spec = Spec::new(guest.arch, &guest.series, ["sh", "-c", &script].map(str::to_owned).to_vec());
    spec.variant = guest.variant;
    spec.icount = true;
    spec.timeout = TIMEOUT;
    spec.programs.push(program.to_owned());
    spec.files.push((object.to_owned(), OBJECT.into()));
    spec.adopt(args)?;
    let mut said = String::new();
    let verdict = vm::run(&spec, &mut |line| {
        said.push_str(line);
        said.push('\n');
    });
    let log = report::folder().join("count").join(format!("{name}.log"));
    fs::create_dir_all(report::folder().join("count")).context("cannot create the folder of the report")?;
    fs::write(&log, &said).with_context(|| format!("cannot write {}", log.display()))?;
    let mut runs = counted::read(&said, methods);
    let failure = match verdict {
        Ok(Verdict::Exited(0)) => None,
        Ok(verdict) => Some(verdict.to_string()),
        Err(error) => Some(format!("{error:#}")),
    };
    if let Some(failure) = failure {
        runs.push(Run::failed("guest", failure));
    }
    if runs.iter().any(|run| run.counts().failed > 0) {
        ui::note(&format!("what the guest said: {}", log.display()));
    }
    Ok(runs)
}
