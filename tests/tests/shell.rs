//! What is generated for shells and for `man` works in real ones.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::stage::skip;

fn deploy(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("deploy").join(name)
}

/// What a program prints; nothing where this machine does not have it.
fn said(test: &str, program: &str, words: &[&OsStr]) -> Result<Option<String>> {
    let output = match Command::new(program).args(words).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skip(test, &format!("there is no {program} here: run cargo xtask setup"))?;
            return Ok(None);
        }
        output => output.with_context(|| format!("start {program}"))?,
    };
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success() && err.is_empty(), "{program} {words:?}: {} {out} {err}", output.status);
    Ok(Some(out.trim().to_owned()))
}

#[test]
fn bash_completes_commands_options_and_their_values() -> Result<()> {
    // As bash does it: by the function that `complete -p` names, with the words so far.
    let script = r#"
        source "$1"
        handler=$(complete -p koney-agent | sed 's/.*-F \([^ ]*\).*/\1/')
        offer() {
            COMP_WORDS=(koney-agent "$@") COMP_CWORD=$# COMPREPLY=()
            "$handler" koney-agent "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
            printf '%s\n' "${COMPREPLY[*]}"
        }
        offer deadletter ""; offer run --att; offer doctor -o ""; offer run --attach ""; offer run --attach fa
    "#;
    let file = deploy("completions/koney-agent.bash");
    let words = [OsStr::new("-c"), OsStr::new(script), OsStr::new("bash"), file.as_os_str()];
    let Some(said) = said("bash_completes_commands_options_and_their_values", "bash", &words)? else { return Ok(()) };
    let lines: Vec<_> = said.lines().collect();
    let [below, option, forms, methods, one] = lines.as_slice() else { anyhow::bail!("{said}") };
    for word in ["list", "show", "retry", "drop"] {
        ensure!(below.split(' ').any(|offered| offered == word), "{word}: {below}");
    }
    assert_eq!((*option, *forms, *one), ("--attach", "text json", "fanotify"));
    assert_eq!(*methods, "auto lsm fentry kprobe fanotify");
    Ok(())
}

#[test]
fn fish_completes_them_too() -> Result<()> {
    let script = r#"source $argv[1]; complete -C "koney-agent deadl"; complete -C "koney-agent run --attach k""#;
    let file = deploy("completions/koney-agent.fish");
    let words = [OsStr::new("--no-config"), OsStr::new("-c"), OsStr::new(script), file.as_os_str()];
    let Some(said) = said("fish_completes_them_too", "fish", &words)? else { return Ok(()) };
    let offered: Vec<_> = said.lines().filter_map(|line| line.split('\t').next()).collect();
    assert_eq!(offered, ["deadletter", "kprobe"]);
    Ok(())
}

#[test]
fn zsh_takes_the_functions_and_knows_the_command() -> Result<()> {
    // What completes is `_arguments`, which needs a terminal; here its function is loaded by the system that would call it.
    let script =
        r"fpath=($1 $fpath); autoload -Uz compinit; compinit -D -u; print $_comps[koney-agent]; autoload +X _koney-agent";
    let folder = deploy("completions");
    let words = [OsStr::new("-f"), OsStr::new("-c"), OsStr::new(script), OsStr::new("zsh"), folder.as_os_str()];
    let Some(said) = said("zsh_takes_the_functions_and_knows_the_command", "zsh", &words)? else { return Ok(()) };
    assert_eq!(said, "_koney-agent");
    Ok(())
}

#[test]
fn every_page_renders_without_a_warning() -> Result<()> {
    let mut pages = 0;
    for entry in fs::read_dir(deploy("man"))? {
        let page = entry?.path();
        // `Tlint` says what mandoc would pass over; a page without a date is meant.
        let lint = Command::new("mandoc").args(["-Tlint", "-Wwarning"]).arg(&page).output();
        let lint = match lint {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(skip("every_page_renders_without_a_warning", "there is no mandoc here: run cargo xtask setup")?);
            }
            lint => String::from_utf8_lossy(&lint.context("start mandoc")?.stdout).into_owned(),
        };
        let faults: Vec<_> = lint.lines().filter(|line| !line.contains("missing date")).collect();
        ensure!(faults.is_empty(), "{faults:?}");
        let words = [OsStr::new("-Tutf8"), page.as_os_str()];
        let text = said("every_page_renders_without_a_warning", "mandoc", &words)?.unwrap_or_default();
        let name = page.file_stem().and_then(OsStr::to_str).context("a page has a name")?;
        ensure!(text.contains(&format!("{name}(1)")), "{name}: {text}");
        pages += 1;
    }
    ensure!(pages > 5, "{pages} pages");
    Ok(())
}
