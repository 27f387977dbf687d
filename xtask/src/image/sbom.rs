//! What the image is made of, as a bill of materials in `CycloneDX` 1.6.
//!
//! Every crate that the agent and its kernel programs are built from, by the lock file and for one target, with the licence that it
//! declares and the checksum that cargo verifies; and what comes with the machine that builds: root certificates, the C library that is
//! linked in, and Rust's own. Without a time and a serial number: the same checkout makes the same document.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{arch::Arch, process, setup, workspace};

/// What is put into the image: the agent, and the programs that it carries.
const SHIPPED: [&str; 2] = ["koney-agent", "koney-ebpf"];
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    description: Option<String>,
    source: Option<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The document for the image of one architecture.
pub(crate) fn document(arch: Arch) -> Result<String> {
    let mut cargo = workspace::cargo();
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &arch.triple()]);
    let metadata: Metadata = serde_json::from_slice(&process::stdout(&mut cargo)?).context("cargo's metadata cannot be read")?;
    let lock = fs::read_to_string(workspace::root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    let lock: Lock = toml::from_str(&lock).context("Cargo.lock cannot be read")?;
    let glibc = if arch.is_here() { "libc6-dev".to_owned() } else { format!("libc6-dev-{}-cross", arch.debian()) };
    let system = [
        package("ca-certificates", "MPL-2.0 AND GPL-2.0-or-later")?,
        package(&glibc, "LGPL-2.1-or-later")?,
        standard_library(arch)?,
    ];
    Ok(serde_json::to_string_pretty(&write(&metadata, &lock, &system)?)? + "\n")
}

/// A package of the distribution, of which something is in the image.
fn package(name: &str, license: &str) -> Result<Value> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat=${Version} ${Architecture}", name]);
    let said = process::text(&mut query).with_context(|| format!("the version of package {name} is not known"))?;
    let (version, arch) = said.split_once(' ').with_context(|| format!("dpkg-query said `{said}` of {name}"))?;
    let escaped = version.replace(':', "%3A").replace('+', "%2B");
    Ok(json!({
        "type": "library", "bom-ref": format!("deb:{name}@{version}"), "name": name, "version": version,
        "licenses": [{ "expression": license }], "purl": format!("pkg:deb/debian/{name}@{escaped}?arch={arch}"),
    }))
}

/// Rust's own library, which comes with the compiler.
fn standard_library(arch: Arch) -> Result<Value> {
    let mut rustc = if arch.is_here() { Command::new("rustc") } else { Command::new(setup::distribution_compiler()?.rustc) };
    workspace::forget_toolchain(&mut rustc);
    let said = process::text(rustc.current_dir(workspace::root()).arg("--version"))?;
    let version = said.split_whitespace().nth(1).with_context(|| format!("rustc said `{said}` of its version"))?;
    Ok(json!({
        "type": "library", "bom-ref": format!("rust-std@{version}"), "name": "rust-std", "version": version,
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }))
}

fn write(metadata: &Metadata, lock: &Lock, system: &[Value]) -> Result<Value> {
    let packages: BTreeMap<&str, &Package> = metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let graph = graph(metadata);
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = metadata
        .packages
        .iter()
        .filter(|package| SHIPPED.contains(&package.name.as_str()))
        .map(|package| package.id.as_str())
        .collect();
    while let Some(id) = open.pop() {
        if reached.insert(id) {
            open.extend(graph.get(id).into_iter().flatten());
        }
    }
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    let mut agent = Value::Null;
    for id in &reached {
        let package = packages.get(id).with_context(|| format!("cargo's metadata lacks {id}"))?;
        let component = component(package, lock)?;
        let below: BTreeSet<String> =
            graph.get(id).into_iter().flatten().filter_map(|id| packages.get(id)).map(|package| reference(package)).collect();
        let mut below: Vec<String> = below.into_iter().collect();
        if package.name == SHIPPED[0] {
            agent = component;
            below.extend(packages.values().filter(|package| package.name == SHIPPED[1]).map(|package| reference(package)));
            below.extend(system.iter().filter_map(|component| component["bom-ref"].as_str().map(str::to_owned)));
        } else {
            components.push(component);
        }
        dependencies.push(json!({ "ref": reference(package), "dependsOn": below }));
    }
    agent["type"] = "application".into();
    components.extend(system.iter().cloned());
    components.sort_by_key(|component| component["bom-ref"].as_str().unwrap_or_default().to_owned());
    dependencies.sort_by_key(|dependency| dependency["ref"].as_str().unwrap_or_default().to_owned());
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": { "component": agent }, "components": components, "dependencies": dependencies,
    }))
}

/// What each package is linked with. What only builds or tests it is not in the image.
fn graph(metadata: &Metadata) -> BTreeMap<&str, Vec<&str>> {
    let linked = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
    let nodes = metadata.resolve.nodes.iter();
    nodes
        .map(|node| (node.id.as_str(), node.deps.iter().filter(linked).map(|dependency| dependency.pkg.as_str()).collect()))
        .collect()
}

fn reference(package: &Package) -> String {
    format!("cargo:{}@{}", package.name, package.version)
}

fn component(package: &Package, lock: &Lock) -> Result<Value> {
    let Package { name, version, license, description, source, .. } = package;
    // Cargo still takes the former way to write OR.
    let license =
        license.as_deref().with_context(|| format!("{name} declares no licence"))?.replace(" / ", " OR ").replace('/', " OR ");
    let mut component = json!({
        "type": "library", "bom-ref": reference(package), "name": name, "version": version,
        "licenses": [{ "expression": license }],
    });
    if let Some(description) = description {
        component["description"] = description.split_whitespace().collect::<Vec<_>>().join(" ").into();
    }
    if source.as_deref() == Some(REGISTRY) {
        component["purl"] = format!("pkg:cargo/{name}@{}", version.replace('+', "%2B")).into();
        let locked = lock.package.iter().find(|locked| locked.name == *name && locked.version == *version);
        let checksum = locked.and_then(|locked| locked.checksum.as_deref());
        let checksum = checksum.with_context(|| format!("Cargo.lock has no checksum of {name} {version}"))?;
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    Ok(component)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::python;

    const VALIDATE: &str = "import sys; from cyclonedx.validation.json import JsonStrictValidator as V; \
                            from cyclonedx.schema import SchemaVersion as S; \
                            error = V(S.V1_6).validate_str(sys.stdin.read()); sys.exit(str(error) if error else 0)";

    #[test]
    fn the_document_is_what_the_published_schema_asks_for_and_the_same_again() {
        let arch = Arch::here().expect("a known machine");
        let text = document(arch).expect("a document");
        assert_eq!(text, document(arch).expect("a document"));
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let names: BTreeSet<&str> = value["components"]
            .as_array()
            .expect("components")
            .iter()
            .filter_map(|component| component["name"].as_str())
            .collect();
        for linked in ["rustls", "tokio", "aya-ebpf", "koney-ebpf", "koney-common", "libc6-dev", "rust-std", "ca-certificates"] {
            assert!(names.contains(linked), "{linked}");
        }
        for other in ["wiremock", "proptest", "xtask", "koney-tests", "koney-agent", "openssl-sys"] {
            assert!(!names.contains(other), "{other}");
        }
        let python = python::with("cyclonedx-python-lib[json-validation]").expect("the judge is installed");
        let judge = |document: &str| {
            let mut judge = Command::new(&python);
            judge.args(["-c", VALIDATE]).stdin(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            let mut judge = judge.spawn().expect("python runs");
            judge.stdin.take().expect("stdin is piped").write_all(document.as_bytes()).expect("it reads");
            let output = judge.wait_with_output().expect("it ends");
            (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
        };
        let (valid, said) = judge(&text);
        assert!(valid, "{said}");
        let (valid, _) = judge(&text.replace("\"bomFormat\"", "\"form\""));
        assert!(!valid, "a judge that takes anything is none");
    }
}
