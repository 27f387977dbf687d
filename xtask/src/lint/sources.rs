//! Rules of the house that no compiler checks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::workspace;

/// Past this a second idea has moved in.
const MOST_LINES: usize = 400;

/// Where memory is shared with the kernel, and nowhere else.
const UNSAFE_FOLDERS: [&str; 3] = ["koney-agent/src/kernel", "koney-ebpf", "koney-common"];

/// No file of the agent is longer than a reader's patience.
pub(crate) fn lengths() -> Result<()> {
    let mut long = Vec::new();
    for file in rust_files(&workspace::root().join("koney-agent/src"))? {
        let lines = read(&file)?.lines().count();
        if lines > MOST_LINES {
            long.push(format!("{} ({lines} lines)", relative(&file)));
        }
    }
    verdict(&long, "split by idea")
}

/// `unsafe` stands only in the folders that may have it.
pub(crate) fn unsafe_code() -> Result<()> {
    let root = workspace::root();
    let mut found = Vec::new();
    for member in members()? {
        for file in rust_files(&root.join(member))? {
            if UNSAFE_FOLDERS.iter().any(|folder| file.starts_with(root.join(folder))) {
                continue;
            }
            let text = read(&file)?;
            let lines = text.lines().enumerate().filter(|(_, line)| has_word(&code(line), "unsafe"));
            found.extend(lines.map(|(number, _)| format!("{}:{}", relative(&file), number + 1)));
        }
    }
    verdict(&found, &format!("move to {}", UNSAFE_FOLDERS.join(", ")))
}

/// Lints that a crate does not inherit are lints that nobody applies.
pub(crate) fn inherited_lints() -> Result<()> {
    let mut without = Vec::new();
    for member in members()? {
        let manifest = manifest(&workspace::root().join(&member))?;
        let inherits = manifest.get("lints").and_then(|lints| lints.get("workspace")).and_then(toml::Value::as_bool);
        if inherits != Some(true) {
            without.push(member);
        }
    }
    verdict(&without, "add `[lints] workspace = true`")
}

fn verdict(found: &[String], remedy: &str) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    bail!("{} ({remedy})", found.join(", "))
}

fn members() -> Result<Vec<String>> {
    let workspace = manifest(&workspace::root())?;
    let members = workspace.get("workspace").and_then(|table| table.get("members")).and_then(toml::Value::as_array);
    let members = members.context("Cargo.toml lists no members")?;
    Ok(members.iter().filter_map(toml::Value::as_str).map(str::to_owned).collect())
}

fn manifest(folder: &Path) -> Result<toml::Table> {
    let path = folder.join("Cargo.toml");
    read(&path)?.parse().with_context(|| format!("{} is not valid TOML", path.display()))
}

fn rust_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot list {}", folder.display()))?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(workspace::root()).unwrap_or(path).display().to_string()
}

/// A line without its strings and its comment.
fn code(line: &str) -> String {
    let mut code = String::new();
    let mut in_string = false;
    let mut characters = line.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' if in_string => {
                characters.next();
            }
            '"' => in_string = !in_string,
            '/' if !in_string && characters.peek() == Some(&'/') => break,
            _ if in_string => {}
            _ => code.push(character),
        }
    }
    code
}

fn has_word(code: &str, word: &str) -> bool {
    code.split(|character: char| !character.is_alphanumeric() && character != '_').any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_unsafe(line: &str) -> bool {
        has_word(&code(line), "unsafe")
    }

    #[test]
    fn comments_strings_and_longer_words_are_not_code() {
        assert!(is_unsafe("let x = unsafe { y };"));
        assert!(is_unsafe("let x = \"a // b\"; unsafe { y }"));
        assert!(!is_unsafe("// unsafe"));
        assert!(!is_unsafe("let x = \"an \\\" unsafe\";"));
        assert!(!is_unsafe("#![forbid(unsafe_code)]"));
    }

    #[test]
    fn this_workspace_has_members() {
        assert!(members().expect("a manifest").contains(&"xtask".to_owned()));
    }
}
