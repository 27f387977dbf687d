//! What is to be done, step by step.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{self, BufRead as _, Read as _},
    os::{fd::OwnedFd, unix::process::CommandExt as _},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{crowd, files, namespaces, probe, say, tamper, transfer};

/// What one step leaves for the next.
#[derive(Default)]
pub(crate) struct Hands {
    /// Descriptors that stay open.
    pub(crate) held: Vec<OwnedFd>,
}

/// An act: its arguments, and what earlier ones left.
pub(crate) type Act = fn(&[OsString], &mut Hands) -> Result<()>;

/// Performs all steps.
pub(crate) fn perform(words: &[OsString]) -> Result<()> {
    let steps: Vec<Vec<OsString>> = words.split(|word| word == "--").map(<[OsString]>::to_vec).collect();
    run(&steps, &mut Hands::default())
}

fn run(steps: &[Vec<OsString>], hands: &mut Hands) -> Result<()> {
    for (index, step) in steps.iter().enumerate() {
        let (name, arguments) = step.split_first().context("a step names its act")?;
        let name = name.to_str().context("an act's name is text")?;
        let rest = steps.get(index + 1..).unwrap_or_default();
        match name {
            // These have the rest done: again and again, or by others.
            "repeat" => {
                for _ in 0..number(arguments, 0)? {
                    run(rest, hands)?;
                }
                return Ok(());
            }
            "child" => return crowd::of(1, rest),
            "crowd" => return crowd::of(number(arguments, 0)?, rest),
            _ => act(name)?(arguments, hands).with_context(|| name.to_owned())?,
        }
    }
    Ok(())
}

fn act(name: &str) -> Result<Act> {
    let rooms = [files::ACTS, tamper::ACTS, probe::ACTS, transfer::ACTS, namespaces::ACTS, crowd::ACTS, OWN];
    let found = rooms.into_iter().flatten().find(|(known, _)| *known == name);
    found.map(|(_, act)| *act).with_context(|| format!("there is no act {name}"))
}

const OWN: &[(&str, Act)] = &[("wait", wait), ("pass", pass), ("exec", exec)];

/// Says `ready` and goes on when told to.
fn wait(_arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    say("ready");
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line).context("wait for the word to go on")?;
    ensure!(read > 0, "nobody says to go on");
    Ok(())
}

/// Does nothing, with whatever arguments.
#[expect(clippy::unnecessary_wraps, reason = "an act like the others")]
fn pass(_arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    Ok(())
}

/// Becomes another program, under the name `true`.
fn exec(arguments: &[OsString], _hands: &mut Hands) -> Result<()> {
    bail!(Command::new(path(arguments, 0)?).arg0("true").exec())
}

/// Stays until nobody is there any more who could ask.
pub(crate) fn linger() {
    let mut rest = Vec::new();
    // An input that cannot be read has ended.
    let _read = io::stdin().read_to_end(&mut rest);
}

/// This very program with other steps; it does not stay.
pub(crate) fn myself(steps: &[Vec<OsString>]) -> Result<Command> {
    // By its name: the link itself is not to be had for a child in a pid namespace that has no process yet.
    let mut command = Command::new(env::current_exe().context("the path of this program")?);
    command.arg0("koney-act").args(steps.join(&OsString::from("--"))).stdin(Stdio::null());
    Ok(command)
}

/// An argument.
pub(crate) fn path(arguments: &[OsString], index: usize) -> Result<&OsStr> {
    arguments.get(index).map(OsString::as_os_str).with_context(|| format!("argument {} is missing", index + 1))
}

/// An argument that is a number, `0o` before octal ones.
pub(crate) fn number(arguments: &[OsString], index: usize) -> Result<u64> {
    let text = path(arguments, index)?.to_str().context("a number is text")?;
    let parsed = text.strip_prefix("0o").map_or_else(|| text.parse(), |octal| u64::from_str_radix(octal, 8));
    parsed.with_context(|| format!("{text} is no number"))
}
