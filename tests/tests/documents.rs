//! The documents hold together: every link within the repository leads to a file, and to a heading where it names one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("").components().collect()
}

fn documents() -> Result<Vec<PathBuf>> {
    let mut documents = Vec::new();
    for folder in ["", "docs", "deploy"] {
        for entry in fs::read_dir(checkout().join(folder))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                documents.push(path);
            }
        }
    }
    documents.sort();
    Ok(documents)
}

/// What is not shown, and what is shown as it is typed, has no links: comments, blocks, code.
fn prose(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        shown.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    let mut inside = false;
    let lines = shown.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    lines.map(|line| line.to_owned() + "\n").collect()
}

fn links(text: &str) -> Vec<&str> {
    text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target).collect()
}

/// The name under which a forge knows a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[test]
fn every_link_leads_somewhere() -> Result<()> {
    let mut count = 0;
    for document in documents()? {
        let text = fs::read_to_string(&document)?;
        let text = prose(&text);
        for link in links(&text).into_iter().filter(|link| !link.contains("://")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = document.parent().context("a document is in a folder")?;
            let target = if file.is_empty() { document.clone() } else { folder.join(file) };
            ensure!(target.exists(), "{}: {link} is not there", document.display());
            if !heading.is_empty() {
                let there = fs::read_to_string(&target).with_context(|| format!("{}: {link}", document.display()))?;
                let found = prose(&there).lines().filter(|line| line.starts_with('#')).any(|line| anchor(line) == heading);
                ensure!(found, "{}: {link} names no heading", document.display());
            }
            count += 1;
        }
    }
    ensure!(count > 50, "{count} links");
    Ok(())
}

#[test]
fn the_index_names_every_page() -> Result<()> {
    let index = fs::read_to_string(checkout().join("docs/README.md"))?;
    for page in documents()?.iter().filter(|page| page.parent().is_some_and(|folder| folder.ends_with("docs"))) {
        let name = page.file_name().and_then(|name| name.to_str()).context("a page has a name")?;
        ensure!(name == "README.md" || index.contains(&format!("]({name})")), "docs/README.md does not name {name}");
    }
    Ok(())
}
