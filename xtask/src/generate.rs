//! `cargo xtask generate`: what is made from records and from the agent's types, and whether it still is what was made.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::{bench, chart, cli::GenerateArgs, process, suite, ui, workspace};

/// `cargo xtask generate`.
pub(crate) fn command(args: &GenerateArgs) -> Result<u8> {
    if args.check {
        check()?;
        ui::line("nothing has drifted");
        return Ok(0);
    }
    for (path, now, made) in documents()? {
        if now != made {
            workspace::write_atomically(&path, made.as_bytes())?;
            ui::line(&format!("{} is made anew", path.display()));
        }
    }
    definitions(&[])?;
    reference(&[])?;
    metrics(&[])?;
    for made in [copies, manifests, bench::made] {
        for (path, text) in made()? {
            workspace::write_atomically(&path, text.as_bytes())?;
        }
    }
    ui::line("docs/ and deploy/ are as they are made");
    Ok(0)
}

/// Fails if a document is not what its record makes of it.
pub(crate) fn check() -> Result<()> {
    for (path, now, made) in documents()? {
        if now != made {
            bail!("a table of {} is not what its record makes of it: run cargo xtask generate", path.display());
        }
    }
    definitions(&["--check"])?;
    reference(&["--check"])?;
    metrics(&["--check"])?;
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

/// Completions, man pages and tables of fields and flags, likewise.
fn reference(options: &[&str]) -> Result<()> {
    let mut cargo = workspace::cargo();
    cargo.args(["run", "--quiet", "--package", "koney-tests", "--bin", "koney-reference", "--"]).args(options);
    cargo.arg(workspace::root());
    process::run(&mut cargo)
}

/// Each document with a table of the evasion suite or of the bench: where it is, as it is, and as it should be.
fn documents() -> Result<Vec<(PathBuf, String, String)>> {
    let tables = [
        ("README.md", vec![("kernels", suite::kernels()?), (bench::MARK, bench::headline()?)]),
        ("docs/kernels-and-platforms.md", vec![("evasion", suite::table()?)]),
    ];
    let document = |(name, tables): (&str, Vec<(&str, String)>)| {
        let path = workspace::root().join(name);
        let now = fs::read_to_string(&path).with_context(|| format!("cannot read {name}"))?;
        let made = tables.iter().try_fold(now.clone(), |made, (mark, table)| replace(&made, mark, table));
        Ok((path, now, made.with_context(|| format!("cannot make {name}"))?))
    };
    tables.into_iter().map(document).collect()
}

/// What stands between the two lines of a mark is made; everything else is written by hand.
pub(crate) fn replace(document: &str, mark: &str, table: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- {mark}:begin -->"), format!("<!-- {mark}:end -->"));
    let marks = || format!("there is no {begin} with an {end} after it");
    let (before, rest) = document.split_once(&begin).with_context(marks)?;
    let (_, after) = rest.split_once(&end).with_context(marks)?;
    Ok(format!("{before}{begin}\n{table}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_made() {
        let document = "before\n<!-- a:begin -->\nold\n<!-- a:end -->\nafter\n";
        let made = replace(document, "a", "new\n").expect("has marks");
        assert_eq!(made, "before\n<!-- a:begin -->\nnew\n<!-- a:end -->\nafter\n");
        assert_eq!(replace(&made, "a", "new\n").expect("has marks"), made);
        assert_eq!(replace(document, "a", "").expect("has marks"), "before\n<!-- a:begin -->\n<!-- a:end -->\nafter\n");
        assert!(replace("no marks", "a", "new").is_err());
        assert!(replace("<!-- a:end --> <!-- a:begin -->", "a", "new").is_err());
    }
}
