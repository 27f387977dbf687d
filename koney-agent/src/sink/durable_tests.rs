//! Queues in files: what is promised is kept, and nobody waits for anybody else's disk.

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::alert::{Alert, samples};

const PATIENCE: Duration = Duration::from_mins(1);

struct Takes;

impl Transport for Takes {
    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn attempt<'a>(&'a self, _: &'a [Letter], _: Form) -> Attempt<'a> {
        Box::pin(async { Action::delivered().into() })
    }
}

struct Hangs;

impl Transport for Hangs {
    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    fn attempt<'a>(&'a self, _: &'a [Letter], _: Form) -> Attempt<'a> {
        Box::pin(std::future::pending())
    }
}

fn settings(folder: &tempfile::TempDir) -> Settings {
    let bounds = store::Bounds { file: 8 << 20, ..store::Bounds::default() };
    Settings { folder: Some(folder.path().to_owned()), bounds, ..Settings::default() }
}

fn alerts(pids: std::ops::RangeInclusive<u8>) -> Vec<Arc<Alert>> {
    pids.map(|pid| Arc::new(samples::numbered(pid))).collect()
}

async fn until(sinks: &SinkSet, condition: impl Fn(&[Health]) -> bool) {
    let waiting = async {
        while !condition(&sinks.health()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("still {:?}", sinks.health()));
}

#[tokio::test]
async fn what_was_enqueued_is_delivered_by_the_next_agent() {
    let folder = tempfile::tempdir().expect("a folder");
    let id = SinkId::new("koney-system", "prod");
    let sinks = SinkSet::new(settings(&folder));
    sinks.add(&id, Filter::default(), Arc::new(stdout::Line), Arc::new(Hangs));
    assert_eq!(sinks.enqueue(&alerts(1..=9)).await, Enqueued { durable: true, refused: 0 });
    assert_eq!(sinks.shutdown(Duration::ZERO).await, [Leftover { id: id.clone(), alerts: 9, kept: true }]);
    drop(sinks);
    let sinks = SinkSet::new(settings(&folder));
    sinks.add(&id, Filter::default(), Arc::new(stdout::Line), Arc::new(Takes));
    until(&sinks, |health| health[0].delivered == 9 && health[0].queued == 0).await;
    assert_eq!(sinks.enqueue(&alerts(1..=9)).await, Enqueued { durable: true, refused: 0 });
    assert_eq!(sinks.shutdown(PATIENCE).await, []);
}

#[tokio::test]
async fn a_sink_that_hangs_delays_no_other_and_both_keep_everything() {
    let folder = tempfile::tempdir().expect("a folder");
    let sinks = SinkSet::new(settings(&folder));
    sinks.add(&SinkId::new("", "hangs"), Filter::default(), Arc::new(stdout::Line), Arc::new(Hangs));
    sinks.add(&SinkId::new("", "works"), Filter::default(), Arc::new(stdout::Line), Arc::new(Takes));
    let pushes: Vec<_> = alerts(1..=50).iter().map(|alert| sinks.enqueue(std::slice::from_ref(alert))).collect();
    for push in pushes {
        assert!(push.await.durable);
    }
    until(&sinks, |health| health[1].delivered == 50).await;
    assert_eq!((sinks.health()[0].queued, sinks.health()[0].volatile.clone()), (50, None));
}

#[tokio::test]
async fn without_a_folder_nothing_is_durable_and_it_is_said() {
    let sinks = SinkSet::new(Settings::default());
    sinks.add(&SinkId::new("", "works"), Filter::default(), Arc::new(stdout::Line), Arc::new(Takes));
    assert!(!sinks.enqueue(&alerts(1..=1)).await.durable);
    assert!(sinks.health()[0].volatile.as_ref().is_some_and(|reason| reason.contains("folder")));
}

#[tokio::test]
async fn files_of_sinks_that_are_gone_are_swept_when_that_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let sinks = SinkSet::new(settings(&folder));
    let (stays, goes) = (SinkId::new("a", "stays"), SinkId::new("a", "goes"));
    sinks.add(&stays, Filter::default(), Arc::new(stdout::Line), Arc::new(Hangs));
    drop(Queue::open(&goes, Some(folder.path().to_owned()), settings(&folder).bounds, jiff::Timestamp::now));
    assert_eq!(sinks.sweep().expect("readable"), ["a_goes.redb"]);
    assert_eq!(sinks.sweep().expect("readable"), Vec::<String>::new());
}
