//! Tells the whole story on a real cluster: `koney-e2e KUBECONFIG MANIFEST IMAGE ADDRESS [DETECTOR ROOT old]`.

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use koney_tests::e2e::{Plot, tell};

#[tokio::main]
async fn main() -> ExitCode {
    let (steps, told) = run().await.unwrap_or_else(|error| (0, Err(error)));
    if let Err(error) = &told {
        writeln!(io::stderr(), "koney-e2e: {error:#}").ok();
    }
    let failed = u8::from(told.is_err());
    writeln!(io::stdout(), "{steps} passed, {failed} failed, 0 skipped").ok();
    ExitCode::from(failed)
}

async fn run() -> Result<(usize, Result<()>)> {
    let mut words = std::env::args().skip(1);
    let mut next = |what: &str| words.next().with_context(|| format!("{what} is missing"));
    let (kubeconfig, manifest, image) = (next("KUBECONFIG")?.into(), next("MANIFEST")?.into(), next("IMAGE")?);
    let address = next("ADDRESS")?.parse().context("ADDRESS is no IP address")?;
    let detector = next("DETECTOR").ok().filter(|detector| !detector.is_empty());
    let (root, old) = (next("ROOT").ok().map(Into::into), next("old").is_ok());
    let folder = tempfile::tempdir().context("a folder for the sink")?;
    tell(Plot { kubeconfig, manifest, image, address, old, detector, root }, folder.path()).await
}
