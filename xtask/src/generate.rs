//! `cargo xtask generate`: what is made from records and from the agent's types, and whether it still is what was made.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{bench, chart, cli::GenerateArgs, process, suite, ui, workspace};

/// Between these lines stands what is made; everything else is written by hand.
const EVASION: (&str, &str) = ("<!-- evasion:begin -->", "<!-- evasion:end -->");

/// `cargo xtask generate`.
pub(crate) fn command(args: &GenerateArgs) -> Result<u8> {
    if args.check {
        check()?;
        ui::line("nothing has drifted");
        return Ok(0);
    }
    let (now, made) = readme()?;
    if now == made {
        ui::line("README.md is as it is made");
    } else {
        workspace::write_atomically(&path(), made.as_bytes())?;
        ui::line("README.md is made anew");
    }
    definitions(&[])?;
    for made in [copies, manifests, bench::made] {
        for (path, text) in made()? {
            workspace::write_atomically(&path, text.as_bytes())?;
        }
    }
    ui::line("deploy/ and docs/performance/ are as they are made");
    Ok(0)
}

/// Fails if a document is not what its record makes of it.
pub(crate) fn check() -> Result<()> {
    let (now, made) = readme()?;
    if now != made {
        bail!(
            "the tables of README.md are not what docs/evasion.json and docs/performance/bench.json make of them: run cargo xtask generate"
        );
    }
    definitions(&["--check"])?;
    for (path, text) in copies()?.into_iter().chain(manifests()?) {
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            bail!("{} is not what the chart comes to: run cargo xtask generate", path.display());
        }
    }
    for (path, text) in bench::made()? {
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            bail!("{} is not what docs/performance/bench.json makes of it: run cargo xtask generate", path.display());
        }
    }
    Ok(())
}

/// The chart's own copy of the definitions.
fn copies() -> Result<Vec<(PathBuf, String)>> {
    let copy = |name: &str| {
        let made = workspace::root().join("deploy/crds").join(name);
        let text = fs::read_to_string(&made).with_context(|| format!("cannot read {}", made.display()))?;
        Ok((chart::folder().join("files/crds").join(name), text))
    };
    ["deceptionalertsinks.yaml", "deceptionpolicies.yaml"].into_iter().map(copy).collect()
}

/// What the chart comes to, with the copy of the definitions that is in it.
fn manifests() -> Result<Vec<(PathBuf, String)>> {
    let manifests = chart::manifests()?.into_iter();
    Ok(manifests.map(|manifest| (workspace::root().join("deploy").join(manifest.file), manifest.text)).collect())
}

/// The definitions of the resources, by a program that knows the agent's types.
fn definitions(options: &[&str]) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--package", "koney-tests", "--bin", "koney-crds", "--"]).args(options);
    cargo.arg(workspace::root().join("deploy/crds"));
    process::run(&mut cargo)
}

fn path() -> std::path::PathBuf {
    workspace::root().join("README.md")
}

/// The README as it is and as it should be.
fn readme() -> Result<(String, String)> {
    let now = fs::read_to_string(path()).context("cannot read README.md")?;
    let made = replace(&now, EVASION, &suite::table()?).and_then(|made| replace(&made, bench::MARKS, &bench::headline()?));
    Ok((now, made.context("in README.md")?))
}

/// Puts a text between two marks of a document.
pub(crate) fn replace(document: &str, (begin, end): (&str, &str), text: &str) -> Result<String> {
    let marks = || format!("there is no {begin} with an {end} after it");
    let (before, rest) = document.split_once(begin).with_context(marks)?;
    let (_, after) = rest.split_once(end).with_context(marks)?;
    Ok(format!("{before}{begin}\n{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_made() {
        let (begin, end) = EVASION;
        let document = format!("before\n{begin}\nold\n{end}\nafter\n");
        let made = replace(&document, EVASION, "new\n").expect("has marks");
        assert_eq!(made, format!("before\n{begin}\nnew\n{end}\nafter\n"));
        assert_eq!(replace(&made, EVASION, "new\n").expect("has marks"), made);
        assert_eq!(replace(&document, EVASION, "").expect("has marks"), format!("before\n{begin}\n{end}\nafter\n"));
        assert!(replace("no marks", EVASION, "new").is_err());
        assert!(replace(&format!("{end} {begin}"), EVASION, "new").is_err());
    }
}
