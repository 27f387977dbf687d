//! The manifests that the chart comes to, rendered by Helm itself, for those who install without it.

use std::{
    collections::BTreeMap,
    fs::{self, Permissions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{process, python, workspace};

/// Renders one chart; run by Python, because Helm is a library there and in no package a program.
const RENDER: &str = include_str!("render.py");

/// Installs and uninstalls one.
const CLIENT: &str = include_str!("helm.py");

/// In the order in which they are to be applied.
const ORDER: [&str; 7] = ["namespace", "crds", "serviceaccount", "rbac", "configmap", "networkpolicy", "daemonset"];

/// A rendered manifest.
pub(crate) struct Manifest {
    /// Below `deploy/`.
    pub(crate) file: &'static str,
    pub(crate) text: String,
}

#[derive(Deserialize)]
struct Rendered {
    findings: Vec<String>,
    files: BTreeMap<String, String>,
}

/// Every manifest that is committed.
pub(crate) fn manifests() -> Result<Vec<Manifest>> {
    let fanotify = json!({
        "agent": { "attach": "fanotify" },
        "capabilities": { "bpf": false, "perfmon": false, "sysAdmin": true },
        "namespace": { "create": true },
    });
    Ok(vec![
        Manifest { file: "install.yaml", text: render(&json!({ "namespace": { "create": true } }))? },
        Manifest { file: "install-fanotify.yaml", text: render(&fanotify)? },
    ])
}

/// What of the chart is in no committed manifest renders too, and the rules are those of `deploy/prometheus/`, placeholders and all.
fn monitored() -> Result<()> {
    let files =
        files(&json!({ "serviceMonitor": { "enabled": true }, "prometheusRule": { "enabled": true, "labels": { "a": "b" } } }))?;
    let of = |name: &str| files.get(&format!("koney/templates/{name}.yaml")).map_or("", String::as_str);
    let rules = fs::read_to_string(workspace::root().join("deploy/prometheus/rules.yaml")).context("cannot read the rules")?;
    let indented: Vec<_> = rules.lines().map(|line| format!("  {line}").trim_end().to_owned()).collect();
    let rendered: Vec<_> = of("prometheusrule").lines().map(str::trim_end).collect();
    if !rendered.windows(indented.len()).any(|lines| lines == indented) {
        bail!("the chart's PrometheusRule is not deploy/prometheus/rules.yaml");
    }
    if !of("servicemonitor").contains("kind: ServiceMonitor") {
        bail!("the chart makes no ServiceMonitor where it is asked for");
    }
    Ok(())
}

/// Checks the committed manifests against the schemas of the oldest Kubernetes that knows all of them, strictly, of the oldest that is
/// supported, which drops a field, and of the newest.
pub(crate) fn validate() -> Result<()> {
    monitored()?;
    let python = python::with("kubernetes-validate")?;
    for (version, strict) in [("1.28", false), ("1.30", true), ("1.37", true)] {
        let mut check = Command::new(&python);
        check.args(["-m", "kubernetes_validate", "--quiet", "-k", version]).args(strict.then_some("--strict"));
        let deploy = workspace::root().join("deploy");
        process::run(check.args(["install.yaml", "install-fanotify.yaml"].map(|file| deploy.join(file))))?;
    }
    Ok(())
}

/// A program in `folder` that does `install CHART NAMESPACE` and `uninstall NAMESPACE` in the cluster of `KUBECONFIG`.
pub(crate) fn client(folder: &Path) -> Result<PathBuf> {
    let python = python::with("helm-python-sdk")?;
    let program = folder.join("helm");
    fs::write(&program, format!("#!{}\n{CLIENT}", python.display()))
        .with_context(|| format!("cannot write {}", program.display()))?;
    fs::set_permissions(&program, Permissions::from_mode(0o755)).context("cannot make Helm's client a program")?;
    Ok(program)
}

/// The chart's own folder.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("deploy/helm/koney")
}

fn render(values: &Value) -> Result<String> {
    let files = files(values)?;
    let wanted = ORDER.iter().filter_map(|name| files.get(&format!("koney/templates/{name}.yaml")));
    let documents = wanted.map(|text| text.trim().trim_start_matches("---").trim()).filter(|text| !text.is_empty());
    let documents: Vec<_> = documents.collect();
    Ok(format!("# Made by `cargo xtask generate` from helm/koney.\n---\n{}\n", documents.join("\n---\n")))
}

/// What Helm makes of the templates, by their names.
fn files(values: &Value) -> Result<BTreeMap<String, String>> {
    let asked = json!({ "chart": folder(), "name": "koney", "namespace": "koney-system", "values": values });
    let mut python = Command::new(python::with("helm-python-sdk")?);
    let mut child =
        python.args(["-c", RENDER]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context("cannot start Python")?;
    child.stdin.take().context("stdin is piped")?.write_all(asked.to_string().as_bytes()).context("cannot ask for the chart")?;
    let output = child.wait_with_output().context("cannot wait for Python")?;
    if !output.status.success() {
        bail!("Helm cannot render {}; it says why above", folder().display());
    }
    let Rendered { findings, files } = serde_json::from_slice(&output.stdout).context("what Helm rendered cannot be read")?;
    if !findings.is_empty() {
        bail!("Helm finds fault with {}: {}", folder().display(), findings.join("; "));
    }
    Ok(files)
}
