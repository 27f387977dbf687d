//! What a process does again is counted, and every access is accounted for: by each attach method, in a real kernel.

use std::{
    fs::{self, File, OpenOptions},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
};

use koney_common::Counter;
use koney_tests::{by_each_method, kernel::Sight, stage::CAT};

by_each_method!(
    throttled:
    the_first_access_passes_and_repeats_are_counted,
    reading_does_not_hide_a_later_write,
    every_process_has_a_first_access,
    a_count_that_is_closed_starts_anew,
    a_flood_from_all_processors_is_accounted_for,
);

async fn decoy(sight: &mut Sight) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("token");
    fs::write(&path, "secret").expect("plant the decoy");
    sight.arm(&path).await;
    (folder, path)
}

fn counts(sight: &Sight) -> [u64; 4] {
    let counts = sight.detector.counts().expect("counters");
    [Counter::Seen, Counter::Emitted, Counter::Throttled, Counter::Dropped].map(|counter| counts.get(counter))
}

async fn the_first_access_passes_and_repeats_are_counted(sight: &mut Sight) {
    let (_folder, decoy) = decoy(sight).await;
    let before = counts(sight);
    for _ in 0..1000 {
        File::open(&decoy).expect("open");
    }
    let first = sight.one("a thousand accesses of one process");
    let repeats = sight.detector.repeats().read().expect("the counts");
    let [(key, repeats)] = repeats.into_iter().collect::<Vec<_>>().try_into().expect("one count");
    assert_eq!((key.file, key.init_pid, Some(key.start_time_ns)), (first.key, first.subject.init_pid, first.subject.start_ns));
    assert_eq!(repeats.count, 999);
    assert!(repeats.first_ns <= first.boot_ns && first.boot_ns < repeats.last_ns);
    let after = counts(sight);
    let since: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert_eq!(since, [1000, 1, 999, 0], "seen = emitted + throttled + dropped");
}

async fn reading_does_not_hide_a_later_write(sight: &mut Sight) {
    let (_folder, decoy) = decoy(sight).await;
    File::open(&decoy).expect("open");
    sight.one("a read");
    OpenOptions::new().append(true).open(&decoy).expect("open");
    assert_eq!(sight.one("a write").open_flags.map(|flags| flags & 3), Some(1));
}

async fn every_process_has_a_first_access(sight: &mut Sight) {
    let (_folder, decoy) = decoy(sight).await;
    for _ in 0..50 {
        let status = Command::new(CAT).arg(&decoy).stdout(Stdio::null()).status().expect("start");
        assert!(status.success());
    }
    assert_eq!(sight.seen().len(), 50);
}

async fn a_count_that_is_closed_starts_anew(sight: &mut Sight) {
    let (_folder, decoy) = decoy(sight).await;
    for _ in 0..3 {
        File::open(&decoy).expect("open");
    }
    sight.one("a burst");
    let keys: Vec<_> = sight.detector.repeats().read().expect("the counts").into_keys().collect();
    assert_eq!(sight.detector.repeats().close(&keys[0]).map(|repeats| repeats.count), Some(2));
    File::open(&decoy).expect("open");
    sight.one("after the count was closed");
}

async fn a_flood_from_all_processors_is_accounted_for(sight: &mut Sight) {
    const THREADS: u64 = 8;
    const OPENS: u64 = 500;
    const PROCESSES: u64 = 20;
    let (_folder, decoy) = decoy(sight).await;
    let before = counts(sight);
    let missed = |sight: &Sight| sight.detector.counts().expect("counters").missed.unwrap_or(0);
    let missed_before = missed(sight);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..OPENS {
                    File::open(&decoy).expect("open");
                }
            });
        }
        for _ in 0..PROCESSES {
            Command::new(CAT).arg(&decoy).stdout(Stdio::null()).status().expect("start");
        }
    });
    let after = counts(sight);
    let [seen, emitted, throttled, dropped] = std::array::from_fn(|index| after[index] - before[index]);
    let missed = missed(sight) - missed_before;
    assert_eq!(seen, emitted + throttled + dropped);
    // The program is skipped for files of others too, so more can be missed than belongs to the trap.
    let caused = THREADS * OPENS + PROCESSES;
    assert!(seen <= caused && caused <= seen + missed, "{seen} seen, {missed} missed, {caused} caused");
    assert_eq!(sight.seen().len() as u64, emitted, "all threads are one process, and each cat is one");
    assert_eq!((emitted, dropped), (PROCESSES + 1, 0));
}
