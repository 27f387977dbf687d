//! Documents in which parts are made: `<!-- made:NAME:begin -->`, the part, `<!-- made:NAME:end -->`.

use anyhow::{Context as _, Result, bail};

/// A made part's name and text.
pub(crate) type Part = (String, String);

fn marks(name: &str) -> (String, String) {
    (format!("<!-- made:{name}:begin -->"), format!("<!-- made:{name}:end -->"))
}

/// The document with each part that it has marks for as it is made. A mark without a part is an error.
pub(crate) fn fill(document: &str, parts: &[Part]) -> Result<String> {
    let mut text = document.to_owned();
    for (name, made) in parts {
        let (begin, end) = marks(name);
        let Some((before, rest)) = text.split_once(&begin) else { continue };
        let (_, after) = rest.split_once(&end).with_context(|| format!("{begin} has no {end} after it"))?;
        text = format!("{before}{begin}\n{}\n{end}{after}", made.trim_end());
    }
    for line in text.lines() {
        let name = line.strip_prefix("<!-- made:").and_then(|rest| rest.strip_suffix(":begin -->"));
        if let Some(name) = name.filter(|name| parts.iter().all(|(known, _)| known != name)) {
            bail!("nothing is made for `{name}`");
        }
    }
    Ok(text)
}

/// Fails if a part is in no document: what a new receiver or command has must be told somewhere.
pub(crate) fn all_used<'a>(parts: &[Part], documents: impl Iterator<Item = &'a [u8]>) -> Result<()> {
    let documents: Vec<_> = documents.map(String::from_utf8_lossy).collect();
    for (name, _) in parts {
        let (begin, end) = marks(name);
        if !documents.iter().any(|document| document.contains(&begin)) {
            bail!("no document in docs/ has a place for it: put {begin} and {end} into one");
        }
    }
    Ok(())
}
