//! Whoever reads a warning or an error in the log has to learn what to do about it: in the field `remedy`, or after a semicolon.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What is told to operators without being a type of the catalogue.
const TOLD: [&str; 3] = ["warn!(", "error!(", "Refused::new("];
/// Those that only hand on what says it already.
const HANDED_ON: [&str; 4] = ["{failure}\"", "{error}\"", "{news}\"", "error.to_string()"];

#[test]
fn every_warning_says_what_to_do() {
    let mut sources = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut sources);
    let (mut told, mut silent) = (0, Vec::new());
    for path in sources {
        let source = fs::read_to_string(&path).expect("a source is text");
        let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for (mark, after) in TOLD.into_iter().flat_map(|mark| code.split(mark).skip(1).map(move |after| (mark, after))) {
            let text = arguments(after);
            told += 1;
            if !text.contains("remedy") && !text.contains("; ") && !HANDED_ON.iter().any(|other| text.contains(other)) {
                silent.push(format!("{}: {mark}{text})", path.display()));
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
    assert!(told > 80, "{told} of them");
}

/// All sources but those of tests.
fn collect(folder: &Path, sources: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !name.ends_with("tests.rs")
            && !["catalogue.rs", "remedies.rs"].contains(&name.as_str())
        {
            sources.push(path);
        }
    }
}

/// Up to the parenthesis that closes them.
fn arguments(code: &str) -> &str {
    let mut depth = 1;
    let end = code.find(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    end.and_then(|end| code.get(..end)).unwrap_or(code)
}
