//! The shipped manifest, as it is applied, and what a server makes of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// What the API server of Kubernetes 1.20 refuses or drops: kind and JSON pointer.
const OLD: &str = include_str!("old-server.txt");

/// What an old server does not take.
#[derive(Debug, Default)]
pub(super) struct Old {
    /// Left out, because the object would be refused with it.
    refused: BTreeSet<(String, String)>,
    /// Sent, and dropped by the server.
    dropped: BTreeSet<(String, String)>,
}

impl Old {
    /// The committed list.
    pub(super) fn read() -> Result<Self> {
        let mut old = Self::default();
        for line in OLD.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let mut words = line.split_whitespace().map(str::to_owned);
            let (what, kind, pointer) = (words.next(), words.next(), words.next());
            let field = kind.zip(pointer).with_context(|| format!("{line:?} names no field"))?;
            let list = if what.as_deref() == Some("refused") { &mut old.refused } else { &mut old.dropped };
            list.insert(field);
        }
        Ok(old)
    }

    /// Leaves out what would be refused.
    pub(super) fn apply(&self, object: &mut Value) {
        leave_out(&self.refused, object);
    }

    /// Fails if the server has dropped anything that is not listed.
    pub(super) fn check(&self, sent: &Value, kept: &Value) -> Result<()> {
        let kind = kind(sent);
        let mut missing = Vec::new();
        compare(sent, kept, "", &mut missing);
        let unlisted: Vec<_> =
            missing.into_iter().filter(|pointer| !self.dropped.contains(&(kind.clone(), pointer.clone()))).collect();
        ensure!(unlisted.is_empty(), "the server drops of {kind}: {unlisted:?}");
        Ok(())
    }
}

fn leave_out(fields: &BTreeSet<(String, String)>, object: &mut Value) {
    let kind = kind(object);
    for (_, pointer) in fields.iter().filter(|(of, _)| *of == kind) {
        let Some((parent, last)) = pointer.rsplit_once('/') else { continue };
        if let Some(parent) = object.pointer_mut(parent).and_then(Value::as_object_mut) {
            parent.remove(last);
        }
    }
}

/// Every object of a manifest.
pub(super) fn objects(file: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    serde_saphyr::from_multiple(&text).with_context(|| format!("{} is no manifest", file.display()))
}

/// A chart in `folder` of what an old server takes of a manifest. The namespace is Helm's to make.
pub(super) fn chart(manifest: &Path, folder: &Path) -> Result<PathBuf> {
    let old = Old::read()?;
    let mut text = String::new();
    for mut object in objects(manifest)? {
        if kind(&object) == "Namespace" {
            continue;
        }
        old.apply(&mut object);
        // Helm asks the server what it knows, and sends nothing else.
        leave_out(&old.dropped, &mut object);
        // JSON is YAML; braces of a template would have to be written otherwise.
        let object = object.to_string();
        ensure!(!object.contains("{{"), "the manifest holds what Helm takes for a template: {object}");
        text.push_str("---\n");
        text.push_str(&object);
        text.push('\n');
    }
    let write = |name: &str, text: &str| fs::write(folder.join(name), text).with_context(|| format!("write {name}"));
    fs::create_dir(folder.join("templates")).context("make the chart's folder")?;
    write("Chart.yaml", "apiVersion: v2\nname: koney\nversion: 0.1.0\n")?;
    write("templates/all.yaml", &text)?;
    Ok(folder.to_owned())
}

fn kind(object: &Value) -> String {
    object["kind"].as_str().unwrap_or_default().to_owned()
}

/// Fields that are in one and not in the other, by their pointers. A value that is another one is no matter: servers write quantities anew.
fn compare(sent: &Value, kept: &Value, at: &str, missing: &mut Vec<String>) {
    match (sent, kept) {
        (Value::Object(sent), Value::Object(kept)) => {
            for (name, value) in sent.iter().filter(|(_, value)| !is_empty(value)) {
                let here = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match kept.get(name) {
                    Some(kept) => compare(value, kept, &here, missing),
                    None => missing.push(here),
                }
            }
        }
        (Value::Array(sent), Value::Array(kept)) => {
            for (index, (sent, kept)) in sent.iter().zip(kept).enumerate() {
                compare(sent, kept, &format!("{at}/{index}"), missing);
            }
        }
        _ => {}
    }
}

/// Servers leave out what says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(number) => number.as_u64() == Some(0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_server_drops_is_found_and_what_it_adds_is_not() {
        let sent = json!({ "kind": "DaemonSet", "a": { "b/c": 1, "d": [] }, "e": [{ "f": "x" }, { "g": "y" }], "h": false });
        let kept = json!({ "kind": "DaemonSet", "a": { "more": 2 }, "e": [{ "f": "z" }, {}], "uid": "1" });
        let mut missing = Vec::new();
        compare(&sent, &kept, "", &mut missing);
        assert_eq!(missing, ["/a/b~1c", "/e/1/g"]);
        let field = |pointer: &str| ("DaemonSet".to_owned(), pointer.to_owned());
        let old = Old { refused: [field("/a")].into(), dropped: [field("/a/b~1c"), field("/e/1/g")].into() };
        assert!(old.check(&sent, &kept).is_ok());
        assert!(Old::default().check(&sent, &kept).is_err());
        let mut left = sent;
        old.apply(&mut left);
        assert_eq!(left.get("a"), None);
    }
}
