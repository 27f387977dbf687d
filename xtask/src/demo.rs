//! `cargo xtask demo`: a trap, an access and an alert, in this kernel if it lets us, else in a virtual machine.

use std::{
    io::{IsTerminal as _, stdout},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};

use crate::{
    arch::Arch,
    cli::DemoArgs,
    ebpf, process,
    setup::{self, Needs},
    test, ui,
    vm::{self, Spec, Verdict},
};

/// The kernel for machines whose own kernel refuses.
const KERNEL: &str = "6.12";

/// `cargo xtask demo`.
pub(crate) fn command(args: &DemoArgs) -> Result<u8> {
    let arch = Arch::here()?;
    ebpf::build(arch)?;
    ui::step("build the agent and the demo");
    let programs = test::programs(arch)?;
    let find = |name: &str| {
        let found = programs.iter().find(|program| program.file_name().is_some_and(|have| have == name));
        found.cloned().with_context(|| format!("the workspace has no program {name}"))
    };
    let (agent, demo) = (find("koney-agent")?, find("koney-demo")?);
    let color = if stdout().is_terminal() { "always" } else { "never" };
    let words: Vec<String> = [text(&demo)?, "--agent", text(&agent)?, "--color", color].into_iter().map(str::to_owned).collect();

    let reason = if args.vm { Some("it was asked for".to_owned()) } else { refusal(&agent)? };
    match reason {
        None => natively(&words),
        Some(reason) => {
            ui::step(&format!("in a virtual machine with kernel {KERNEL}: {reason}"));
            in_guest(arch, words, vec![agent, demo])
        }
    }
}

/// Why this kernel cannot do the job, in one line; nothing if it can.
fn refusal(agent: &Path) -> Result<Option<String>> {
    let mut probe = Command::new(agent);
    let output = probe
        .arg("probe")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", process::describe(&probe)))?;
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stderr, output.stdout].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    let reason = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("this kernel refuses, and says no more");
    Ok(Some(reason.to_owned()))
}

fn natively(words: &[String]) -> Result<u8> {
    let (program, arguments) = words.split_first().context("the demo has a program")?;
    let mut demo = Command::new(program);
    let status = demo.args(arguments).status().with_context(|| format!("cannot start {}", process::describe(&demo)))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

fn in_guest(arch: Arch, words: Vec<String>, programs: Vec<PathBuf>) -> Result<u8> {
    setup::ensure(&Needs::vm(arch, &[KERNEL.to_owned()]))?;
    let mut spec = Spec::new(arch, KERNEL, words);
    spec.programs.extend(programs);
    match vm::run(&spec, &mut |line| ui::line(line))? {
        Verdict::Exited(status) => Ok(status),
        verdict => anyhow::bail!("kernel {KERNEL}: {verdict}"),
    }
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{} is not text", path.display()))
}
