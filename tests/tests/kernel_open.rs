//! Opens of armed files, in a real kernel, by each attach method.
#![expect(missing_docs, reason = "tests")]

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use koney_agent::{
    event::{Observation, decode},
    kernel::{Choice, Detector, Job, Method, Options, Ring, is_canary},
};
use koney_common::Counter;

const METHODS: [Method; 2] = [Method::Lsm, Method::Fentry];

/// Starts a detector by `method`; `None` (said aloud) where this kernel truly lacks it.
fn start(test: &str, method: Method) -> Option<(Detector, Ring)> {
    let bpf_lsm = fs::read_to_string("/sys/kernel/security/lsm").is_ok_and(|list| list.split(',').any(|name| name.trim() == "bpf"));
    match Detector::start(Options { attach: Choice::Only(method), diagnostics: false }) {
        Ok(started) => Some(started),
        Err(error) if method == Method::Lsm && !bpf_lsm => {
            println!("koney-skip: {test}: {method} needs bpf in the lsm= list: {error}");
            None
        }
        Err(error) => panic!("{method} must work on this kernel: {error}"),
    }
}

async fn arm(detector: &Detector, trap: u32, path: &Path) {
    let outcome = detector.arm(vec![Job { trap, path: path.to_owned() }]).await.remove(0);
    let keys = outcome.expect("the decoy exists and is armed");
    assert!(!keys.is_empty());
}

fn drain(ring: &mut Ring) -> Vec<Observation> {
    let mut seen = Vec::new();
    ring.drain(usize::MAX, |record| seen.push(decode(record).expect("the kernel's record decodes")));
    ring.publish();
    seen.retain(|observation| !is_canary(observation.trap));
    seen
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn one_open_is_one_record_and_other_files_are_none() {
    for method in METHODS {
        let Some((detector, mut ring)) = start("one_open_is_one_record_and_other_files_are_none", method) else { continue };
        let folder = tempfile::tempdir().expect("temporary folder");
        let (decoy, other) = (folder.path().join("token"), folder.path().join("other"));
        fs::write(&decoy, "secret").expect("plant");
        fs::write(&other, "nothing").expect("write");
        arm(&detector, 7, &decoy).await;
        assert_eq!(drain(&mut ring), [], "arming raises nothing");
        File::open(&other).expect("open");
        assert_eq!(drain(&mut ring), []);
        File::open(&decoy).expect("open");
        let seen = drain(&mut ring);
        assert_eq!(seen.len(), 1, "{method}: {seen:?}");
        assert_eq!(seen[0].trap, 7);
        assert_eq!(seen[0].path.as_deref(), decoy.to_str());
        assert_eq!(seen[0].subject.pid, Some(std::process::id()));
        let counts = detector.counts().expect("counters");
        // The canary was seen once, the decoy once.
        assert_eq!(counts.get(Counter::Seen), 2);
        assert_eq!(counts.get(Counter::Emitted), 2);
        assert_eq!(counts.get(Counter::Dropped), 0);
    }
}
