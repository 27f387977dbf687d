//! The most telling of the evasion suite's scenarios, by each attach method, in a real kernel. `cargo xtask vm --suite evasion` plays all.

use koney_agent::kernel::Method;
use koney_tests::{
    evasion::{Attach, Run, all},
    stage::skip,
};

/// Names, mounts, tampering, copy-up, other places, short lives: each takes another part of the detector.
const CHOSEN: [&str; 14] = ["E1", "E3", "E7", "E8", "E12", "E18", "E20", "E24", "E26", "E27", "E28", "E31", "E51", "E61"];

/// One detector for all of them, as starting one takes longest.
async fn hold(attach: Attach, test: &str) {
    let mut run = match Run::start(attach).await {
        Ok(run) => run,
        Err(error) => {
            let reason = attach.lacking().unwrap_or_else(|| panic!("{attach} must work on this kernel: {error:#}"));
            return skip(test, &reason).expect("the console takes a line");
        }
    };
    let mut failed = Vec::new();
    for scenario in all().filter(|scenario| CHOSEN.contains(&scenario.id)) {
        let row = run.play(scenario).await;
        if !row.holds {
            failed.push(format!("{} {}: {}", row.id, row.title, row.detail.unwrap_or_default()));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn no_way_around_a_trap_by_lsm() {
    hold(Attach::Ebpf(Method::Lsm), "no_way_around_a_trap_by_lsm").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn no_way_around_a_trap_by_fentry() {
    hold(Attach::Ebpf(Method::Fentry), "no_way_around_a_trap_by_fentry").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn no_way_around_a_trap_by_kprobe() {
    hold(Attach::Ebpf(Method::Kprobe), "no_way_around_a_trap_by_kprobe").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes containers, which a VM has room for; `cargo xtask test` runs it in one"]
async fn what_fanotify_can_see_it_sees() {
    hold(Attach::Fanotify, "what_fanotify_can_see_it_sees").await;
}
