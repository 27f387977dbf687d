//! What a queue keeps, hands out and gives up.

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::alert::{Alert, Process, samples};
use crate::sink::Render;

/// Writes id and count, padded to a length.
#[derive(Clone, Copy)]
pub(super) struct Plain(pub(super) usize);

impl Render for Plain {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let count = alert.repeats.map_or(0, |repeated| repeated.count);
        format!("{} {count} {:>width$}", alert.id, "", width = self.0).into_bytes()
    }
}

pub(super) const PLAIN: Plain = Plain(0);

pub(super) fn start() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().expect("a time")
}

pub(super) fn after(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

/// The `number`th access by process `pid` to the trap of `policy`.
pub(super) fn alert(policy: usize, pid: u32, number: u32) -> Alert {
    let mut digest = [0; 16];
    let numbers = [u32::try_from(policy).expect("few"), pid, number];
    for (bytes, number) in digest.as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
        *bytes = number.to_le_bytes();
    }
    Alert {
        id: AlertId::from_digest(&digest),
        policy: Some(policy.to_string()),
        process: Some(Process { pid: Some(pid), ..Process::default() }),
        ..samples::in_pod()
    }
}

pub(super) fn memory() -> Store {
    Store::open(None, Bounds::default(), start())
}

pub(super) fn on_disk(folder: &tempfile::TempDir) -> Store {
    with_bounds(folder, Bounds { file: 8 << 20, ..Bounds::default() })
}

pub(super) fn with_bounds(folder: &tempfile::TempDir, bounds: Bounds) -> Store {
    let medium = Folder::new(folder.path(), &crate::sink::SinkId::new("koney-system", "prod"));
    Store::open(Some(Arc::new(medium)), bounds, start())
}

pub(super) fn push(store: &mut Store, now: Timestamp, alerts: &[Alert]) -> Pushed {
    store.push(now, &alerts.iter().collect::<Vec<_>>(), &PLAIN)
}

pub(super) fn texts(letters: &[Letter]) -> Vec<String> {
    letters.iter().map(|letter| String::from_utf8_lossy(&letter.body).trim_end().to_owned()).collect()
}

pub(super) fn ids(letters: &[Letter]) -> Vec<AlertId> {
    letters.iter().map(|letter| letter.id.clone()).collect()
}

#[test]
fn what_was_pushed_is_there_after_a_restart_until_it_is_removed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = on_disk(&folder);
    let pushed = push(&mut store, start(), &[alert(1, 1, 1), alert(1, 2, 2)]);
    assert_eq!(pushed, Pushed { stored: 2, durable: true, ..Pushed::default() });
    let before = store.take(start(), BatchLimits::USUAL, &[]).letters;
    drop(store);
    let mut store = on_disk(&folder);
    assert_eq!(store.take(after(5), BatchLimits::USUAL, &[]).letters, before);
    store.remove(&ids(&before)[..1], after(5));
    drop(store);
    let mut store = on_disk(&folder);
    assert_eq!(store.take(after(5), BatchLimits::USUAL, &[]).letters, before[1..]);
    assert_eq!((store.stats().rows, store.stats().place, store.news()), (1, Place::Disk, vec![]));
}

#[test]
fn a_record_that_is_read_again_is_counted_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = on_disk(&folder);
    let alerts = [alert(1, 1, 1), alert(1, 1, 2), alert(1, 1, 2)];
    assert_eq!(push(&mut store, start(), &alerts), Pushed { stored: 1, counted: 1, known: 1, durable: true, refused: vec![] });
    let letters = store.take(after(60), BatchLimits::USUAL, &[]).letters;
    store.remove(&ids(&letters), after(60));
    drop(store);
    let mut store = on_disk(&folder);
    assert_eq!(push(&mut store, after(61), &alerts), Pushed { known: 3, durable: true, ..Pushed::default() });
    assert_eq!(store.stats().rows, 0);
}

#[test]
fn letters_are_taken_oldest_first_and_within_limits() {
    let mut store = memory();
    push(&mut store, start(), &(1..=5).map(|pid| alert(1, pid, 0)).collect::<Vec<_>>());
    let limits = |entries, bytes| BatchLimits { entries, bytes };
    let taken = |store: &mut Store, limits| store.take(start(), limits, &[]).letters.len();
    assert_eq!(taken(&mut store, limits(3, usize::MAX)), 3);
    assert_eq!(taken(&mut store, limits(100, 80)), 2);
    assert_eq!(taken(&mut store, limits(100, 1)), 1, "one that is too large goes alone");
    assert_eq!(store.take(start(), BatchLimits::SINGLE, &[]).letters[0].id, alert(1, 1, 0).id);
}

#[test]
fn dead_letters_are_kept_with_their_reason_and_can_be_sent_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = on_disk(&folder);
    let alerts: Vec<_> = (1..=3).map(|pid| alert(1, pid, 0)).collect();
    push(&mut store, start(), &alerts);
    for alert in &alerts {
        store.bury(&alert.id, "400: no", after(1));
    }
    drop(store);
    let mut store = on_disk(&folder);
    assert_eq!((store.stats().rows, store.stats().dead), (0, 3));
    assert!(store.dead().iter().all(|letter| letter.reason == "400: no" && letter.buried == after(1) && letter.body.is_none()));
    let shown = store.dead_letter(&alerts[0].id).expect("it is there");
    assert_eq!(shown.body, Some(PLAIN.render(&alerts[0])));
    assert_eq!(store.revive(&[alerts[1].id.clone()], after(2)), 1);
    assert_eq!(store.drop_dead(&[alerts[0].id.clone()], after(2)), 1);
    drop(store);
    let mut store = on_disk(&folder);
    assert_eq!(ids(&store.take(after(3), BatchLimits::USUAL, &[]).letters), [alerts[1].id.clone()]);
    assert_eq!(store.dead().iter().map(|letter| letter.id.clone()).collect::<Vec<_>>(), [alerts[2].id.clone()]);
}

#[test]
fn the_oldest_dead_letter_gives_way() {
    let mut store = Store::open(None, Bounds { dead: 2, ..Bounds::default() }, start());
    let alerts: Vec<_> = (1..=3).map(|pid| alert(1, pid, 0)).collect();
    push(&mut store, start(), &alerts);
    for alert in &alerts {
        store.bury(&alert.id, "no", start());
    }
    let stats = store.stats();
    assert_eq!((stats.dead, stats.buried, stats.forgotten), (2, 3, 1));
    assert_eq!(store.dead()[0].id, alerts[1].id);
}

/// Alerts of every size, whatever is removed and in whatever order: the content's bound is met long before the file's.
#[test]
fn the_file_has_room_for_all_that_its_bounds_allow() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = with_bounds(&folder, Bounds::default());
    let mut random = fastrand::Rng::with_seed(7);
    let mut number = 0;
    for round in 0..16 {
        let size = [10, 700, 1_300, 2_100, 4_200, 9_000, 60_000][random.usize(..7)];
        for _ in 0..random.usize(1..20) {
            let alerts: Vec<_> = (0..random.usize(1..250))
                .map(|_| {
                    number += 1;
                    alert(number, 1, 0)
                })
                .collect();
            store.push(after(round), &alerts.iter().collect::<Vec<_>>(), &Plain(random.usize(1..=size)));
        }
        assert!(store.stats().place == Place::Disk, "{:?}", store.news());
        let waiting = store.take(after(round), BatchLimits { entries: usize::MAX, bytes: usize::MAX }, &[]).letters;
        let some: Vec<_> = ids(&waiting).into_iter().filter(|_| random.u8(..3) == 0).collect();
        for id in some.iter().take(50) {
            store.bury(id, "no", after(round));
        }
        store.remove(&some, after(round));
        if round % 20 == 19 {
            store.remove(&ids(&waiting), after(round));
        }
    }
    assert_eq!(store.stats().place, Place::Disk);
}
