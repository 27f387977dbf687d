//! Commands that take a cluster, looked at without one: what they name is there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// What the checkout deploys.
pub struct Cluster {
    checkout: PathBuf,
    /// Names of all resources that koney defines, in the plural.
    resources: Vec<String>,
    installed: String,
}

impl Cluster {
    /// Reads what this checkout deploys.
    pub fn of(checkout: &Path) -> Result<Self> {
        let installed = fs::read_to_string(checkout.join("deploy/install.yaml")).context("read deploy/install.yaml")?;
        let resources = koney_agent::cluster::crds::definitions().into_iter().map(|(plural, _)| plural.to_owned()).collect();
        Ok(Self { checkout: checkout.to_owned(), resources, installed })
    }

    /// Fails at the first thing that a command names and that is not there.
    pub fn check(&self, commands: &str) -> Result<()> {
        for line in commands.replace("\\\n", " ").lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let checked = match words.as_slice() {
                ["helm", "install" | "upgrade", _name, chart, options @ ..] => self.chart(chart, options),
                ["helm", "uninstall", _name, ..] => Ok(()),
                ["kubectl", options @ ..] => self.kubectl(options),
                _ => bail!("`{line}`: only helm and kubectl are looked at"),
            };
            checked.with_context(|| line.to_owned())?;
        }
        Ok(())
    }

    /// Each value that is set is one of the chart's.
    fn chart(&self, chart: &str, options: &[&str]) -> Result<()> {
        let folder = self.checkout.join(chart);
        ensure!(folder.join("Chart.yaml").is_file(), "{chart} is no chart");
        let values = fs::read_to_string(folder.join("values.yaml")).context("read the chart's values")?;
        let values: Value = serde_saphyr::from_str(&values).context("understand the chart's values")?;
        for setting in
            options.iter().zip(options.iter().skip(1)).filter(|(flag, _)| **flag == "--set").map(|(_, setting)| setting)
        {
            let (name, _) = setting.split_once('=').with_context(|| format!("{setting} sets nothing"))?;
            let found = values.pointer(&format!("/{}", name.replace('.', "/")));
            ensure!(found.is_some(), "the chart has no value {name}");
        }
        Ok(())
    }

    fn kubectl(&self, options: &[&str]) -> Result<()> {
        let after = |flag: &str| options.iter().skip_while(move |word| **word != flag).nth(1).copied();
        if let Some(file) = after("-f") {
            ensure!(self.checkout.join(file).is_file(), "{file} is not there");
        }
        if let Some(("get", resource)) =
            options.iter().zip(options.iter().skip(1)).map(|(verb, what)| (*verb, *what)).find(|(verb, _)| *verb == "get")
        {
            let builtin = ["pods", "daemonset", "leases", "events"].contains(&resource);
            ensure!(builtin || self.resources.iter().any(|known| known == resource), "koney defines no {resource}");
        }
        if after("-n") != Some("koney-system") {
            return Ok(());
        }
        let has = |line: &str| self.installed.lines().any(|known| known.trim().trim_start_matches("- ") == line);
        if let Some(container) = after("-c") {
            ensure!(has(&format!("name: {container}")), "koney has no container {container}");
        }
        if let Some((name, value)) = after("-l").and_then(|label| label.split_once('=')) {
            ensure!(has(&format!("{name}: {value}")), "koney has no label {name}={value}");
        }
        for name in options.iter().filter_map(|word| word.strip_prefix("ds/").or_else(|| word.strip_prefix("daemonset/"))) {
            ensure!(has(&format!("name: {name}")), "koney has no DaemonSet {name}");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_found() {
        let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("");
        let cluster = Cluster::of(&checkout).expect("a checkout");
        for right in [
            "helm install koney deploy/helm/koney --namespace koney-system --set crds=keep --set image.repository=a",
            "kubectl apply -f deploy/install.yaml",
            "kubectl -n koney-system logs -l app.kubernetes.io/name=koney-agent -c alerts",
            "kubectl get deceptionpolicies\nkubectl -n koney-system exec ds/koney-agent -- \\\n    /koney-agent probe",
        ] {
            cluster.check(right).expect(right);
        }
        for wrong in [
            "helm install koney deploy/helm/kony",
            "helm install koney deploy/helm/koney --set image.repo=a",
            "kubectl apply -f deploy/absent.yaml",
            "kubectl get honeytokens",
            "kubectl -n koney-system logs -c alert",
            "kubectl -n koney-system logs -l app.kubernetes.io/name=kony",
            "kubectl -n koney-system exec ds/koney -- true",
            "rm -r /",
        ] {
            assert!(cluster.check(wrong).is_err(), "{wrong}");
        }
    }
}
