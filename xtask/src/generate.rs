//! `cargo xtask generate`: what is made from records and from the agent's types, and whether it still is what was made.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{chart, cli::GenerateArgs, process, suite, ui, workspace};

/// Between these lines stands what is made; everything else is written by hand.
const BEGIN: &str = "<!-- evasion:begin -->";
const END: &str = "<!-- evasion:end -->";

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
    metrics(&[])?;
    for made in [copies, manifests] {
        for (path, text) in made()? {
            workspace::write_atomically(&path, text.as_bytes())?;
        }
    }
    ui::line("deploy/ is as it is made");
    Ok(0)
}

/// Fails if a document is not what its record makes of it.
pub(crate) fn check() -> Result<()> {
    let (now, made) = readme()?;
    if now != made {
        bail!("the evasion table of README.md is not what docs/evasion.json makes of it: run cargo xtask generate");
    }
    definitions(&["--check"])?;
    metrics(&["--check"])?;
    for (path, text) in copies()?.into_iter().chain(manifests()?) {
        if fs::read_to_string(&path).ok().as_ref() != Some(&text) {
            bail!("{} is not what the chart comes to: run cargo xtask generate", path.display());
        }
    }
    Ok(())
}

/// The chart's own copies of the definitions and of the rules for Prometheus.
fn copies() -> Result<Vec<(PathBuf, String)>> {
    let copy = |file: &str| {
        let made = workspace::root().join("deploy").join(file);
        let text = fs::read_to_string(&made).with_context(|| format!("cannot read {}", made.display()))?;
        Ok((chart::folder().join("files").join(file), text))
    };
    ["crds/deceptionalertsinks.yaml", "crds/deceptionpolicies.yaml", "prometheus/rules.yaml"].into_iter().map(copy).collect()
}

/// What the chart comes to, with the copy of the definitions that is in it.
fn manifests() -> Result<Vec<(PathBuf, String)>> {
    let manifests = chart::manifests()?.into_iter();
    Ok(manifests.map(|manifest| (workspace::root().join("deploy").join(manifest.file), manifest.text)).collect())
}

/// The definitions of the resources, by a program that knows the agent's types.
fn definitions(options: &[&str]) -> Result<()> {
    by_program("koney-crds", options, "deploy/crds")
}

/// The reference of the metrics, likewise.
fn metrics(options: &[&str]) -> Result<()> {
    by_program("koney-metrics", options, "docs/metrics.md")
}

fn by_program(name: &str, options: &[&str], place: &str) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--package", "koney-tests", "--bin", name, "--"]).args(options);
    cargo.arg(workspace::root().join(place));
    process::run(&mut cargo)
}

fn path() -> std::path::PathBuf {
    workspace::root().join("README.md")
}

/// The README as it is and as it should be.
fn readme() -> Result<(String, String)> {
    let now = fs::read_to_string(path()).context("cannot read README.md")?;
    let made = replace(&now, &suite::table()?)?;
    Ok((now, made))
}

fn replace(document: &str, table: &str) -> Result<String> {
    let marks = || format!("README.md has no {BEGIN} with an {END} after it");
    let (before, rest) = document.split_once(BEGIN).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_made() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let made = replace(&document, "new\n").expect("has marks");
        assert_eq!(made, format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert_eq!(replace(&made, "new\n").expect("has marks"), made);
        assert_eq!(replace(&document, "").expect("has marks"), format!("before\n{BEGIN}\n{END}\nafter\n"));
        assert!(replace("no marks", "new").is_err());
        assert!(replace(&format!("{END} {BEGIN}"), "new").is_err());
    }
}
