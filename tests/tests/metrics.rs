//! What the kernel programs count, on the page of an agent that has attached them.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use koney_agent::admin::metrics::names::ALL;
use koney_tests::{
    agent::PATIENCE,
    manifests,
    receivers::{free, get},
    stage::{Stage, cat},
};
use tokio::time::{Instant, sleep};

/// The value of a series.
fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn what_the_programs_count_and_how_long_they_run_is_on_the_page() -> Result<()> {
    fs::write("/proc/sys/kernel/bpf_stats_enabled", "1").context("have the kernel count the programs' time")?;
    let stage = Stage::new()?;
    let decoy = stage.plant("token")?;
    stage.put("policy.yaml", &manifests::policy(&decoy))?;
    let admin = free().await?;
    let agent = stage.start_with(&["--admin", &admin.to_string()])?;
    agent.logged("traps armed=1 traps=1").await?;
    cat(&decoy)?;
    agent.alerts(1).await?;
    let counted = |page: &str| {
        let accesses = value(page, "koney_kernel_accesses_total{outcome=\"recorded\"}");
        let runs = value(page, "koney_kernel_program_runs_total{hook=\"file_open\"}");
        let seconds = value(page, "koney_kernel_program_run_seconds_total{hook=\"file_open\"}");
        accesses == Some(1.0) && runs.is_some_and(|runs| runs >= 1.0) && seconds.is_some_and(|seconds| seconds > 0.0)
    };
    let end = Instant::now() + PATIENCE;
    let page = loop {
        let page = get(admin, "/metrics").await?;
        if counted(&page) {
            break page;
        }
        ensure!(Instant::now() < end, "the programs' counts are not on the page:\n{page}");
        sleep(std::time::Duration::from_millis(100)).await;
    };
    let attached = |line: &str| line.starts_with("koney_hook_attached{hook=\"file_open\",method=") && line.ends_with(" 1");
    assert!(page.lines().any(attached), "{page}");
    assert_eq!(value(&page, "koney_kernel_accesses_total{outcome=\"dropped\"}"), Some(0.0));
    assert_eq!(value(&page, "koney_detection_blind"), Some(0.0));
    let kernel = ALL.iter().filter(|metric| metric.name.starts_with("koney_kernel_"));
    // The kernel counts what it skips since 5.12.
    for metric in kernel.filter(|metric| metric.name != "koney_kernel_skipped_calls_total") {
        assert!(page.lines().any(|line| line.starts_with(metric.name)), "{} is not on the page:\n{page}", metric.name);
    }
    agent.stop().await.map(drop)
}
