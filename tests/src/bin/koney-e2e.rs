//! Tells the whole story on a real cluster.

use std::{
    io::{self, Write as _},
    net::IpAddr,
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::Parser;
use koney_tests::e2e::{Plot, Told, tell};

/// Tells the whole story on a real cluster
#[derive(Debug, Parser)]
struct Words {
    /// The cluster
    kubeconfig: PathBuf,
    /// What is installed, exactly as it is shipped
    manifest: PathBuf,
    /// What the workloads run: an image with `sleep` and `sh`
    image: String,
    /// This machine's address for the cluster's pods: the sink listens there
    address: IpAddr,
    /// How the agents see accesses, as their alerts say
    #[arg(long)]
    detector: Option<String>,
    /// The node's own root, where it can be looked at from here
    #[arg(long)]
    node_root: Option<PathBuf>,
    /// Restarts the node, and returns once it has gone down
    #[arg(long)]
    restart_node: Option<String>,
    /// Installs and uninstalls a chart
    #[arg(long, requires = "chart")]
    helm: Option<PathBuf>,
    /// The chart
    #[arg(long)]
    chart: Option<PathBuf>,
    /// The server is older than those that are supported
    #[arg(long)]
    old_server: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    let told = run(Words::parse()).await.unwrap_or_else(|error| Told { passed: 0, skipped: 0, ended: Err(error) });
    if let Err(error) = &told.ended {
        writeln!(io::stderr(), "koney-e2e: {error:#}").ok();
    }
    let failed = u8::from(told.ended.is_err());
    writeln!(io::stdout(), "{} passed, {failed} failed, {} skipped", told.passed, told.skipped).ok();
    ExitCode::from(failed)
}

async fn run(words: Words) -> Result<Told> {
    let Words { kubeconfig, manifest, image, address, detector, node_root, restart_node, helm, chart, old_server } = words;
    let folder = tempfile::tempdir().context("a folder for the sink")?;
    let helm = helm.zip(chart);
    let plot = Plot { kubeconfig, manifest, image, address, old: old_server, detector, root: node_root, restart_node, helm };
    tell(plot, folder.path()).await
}
