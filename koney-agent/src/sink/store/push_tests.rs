//! Which alert has a row of its own, and which is counted.

use super::tests::{PLAIN, after, alert, ids, memory, on_disk, push, start, texts};
use super::*;
use crate::alert::{Alert, Gap, GapCause, Repeated, samples};
use crate::sink::Render;

fn tiny() -> Store {
    Store::open(None, Bounds { entries: 8, ..Bounds::default() }, start())
}

#[test]
fn repeats_within_a_minute_are_one_alert_with_a_count() {
    let mut store = memory();
    push(&mut store, start(), &[alert(1, 1, 0)]);
    assert_eq!(store.take(start(), BatchLimits::USUAL, &[]).letters.len(), 1, "the first is due at once");
    for second in 1..=3 {
        push(&mut store, after(i64::from(second)), &[alert(1, 1, second)]);
    }
    push(&mut store, after(4), &[alert(1, 2, 0)]);
    assert_eq!(store.take(after(59), BatchLimits::USUAL, &[]).letters.len(), 2, "another process has a first of its own");
    assert_eq!(store.next_due(start()), Some(after(60)));
    let letters = store.take(after(60), BatchLimits::USUAL, &[]).letters;
    assert_eq!(letters.len(), 3);
    assert!(texts(&letters)[1].ends_with(" 3"), "{:?}", texts(&letters));
    // What was handed out stays as it is: more is told by another.
    push(&mut store, after(61), &[alert(1, 1, 4)]);
    let later = store.take(after(61), BatchLimits::USUAL, &[]).letters;
    assert_eq!((&later[..3], later.len()), (&letters[..], 4));
    assert_eq!(later[3].id, alert(1, 1, 4).id);
}

#[test]
fn without_a_window_each_alert_is_told() {
    let mut store = Store::open(None, Bounds { window: jiff::SignedDuration::ZERO, ..Bounds::default() }, start());
    push(&mut store, start(), &[alert(1, 1, 0), alert(1, 1, 1), alert(1, 1, 2)]);
    assert_eq!(store.take(start(), BatchLimits::USUAL, &[]).letters.len(), 3);
}

#[test]
fn while_nothing_is_sent_a_count_goes_on() {
    let mut store = memory();
    for second in 0..600 {
        push(&mut store, after(second), &[alert(1, 1, u32::try_from(second).expect("few"))]);
    }
    let letters = store.take(after(600), BatchLimits::USUAL, &[]).letters;
    assert_eq!(letters.len(), 2);
    assert!(texts(&letters)[1].ends_with(" 599"));
    assert_eq!(store.stats().counted, 599);
}

#[test]
fn what_sums_up_a_burst_already_is_told_as_it_is() {
    let mut store = memory();
    let sum = Repeated { count: 7, first: start(), last: after(9) };
    push(&mut store, start(), &[alert(1, 1, 0), Alert { repeats: Some(sum), ..alert(1, 1, 1) }]);
    let letters = store.take(start(), BatchLimits::USUAL, &[]).letters;
    assert_eq!(ids(&letters), [alert(1, 1, 0).id, alert(1, 1, 1).id]);
}

#[test]
fn gaps_of_one_cause_are_added() {
    struct Lost;
    impl Render for Lost {
        fn render(&self, alert: &Alert) -> Vec<u8> {
            alert.gap.map_or(0, |gap| gap.count).to_string().into_bytes()
        }
    }
    let gap = |number: u32, count| Alert {
        gap: Some(Gap { cause: GapCause::RingFull, count }),
        process: None,
        policy: None,
        id: alert(0, 0, number).id,
        ..samples::on_host()
    };
    let mut store = memory();
    for (number, count) in [(1, 10), (2, 20), (3, 30)] {
        store.push(start(), &[&gap(number, count)], &Lost);
    }
    assert_eq!(texts(&store.take(after(60), BatchLimits::USUAL, &[]).letters), ["10", "50"]);
}

#[test]
fn when_space_is_short_only_the_first_of_a_coarse_kind_has_a_row() {
    let mut store = tiny();
    // Four of one kind fill half of it.
    push(&mut store, start(), &(1..=4).map(|pid| alert(1, pid, 0)).collect::<Vec<_>>());
    let pushed = push(&mut store, start(), &(5..=1_000).map(|pid| alert(1, pid, 0)).collect::<Vec<_>>());
    assert_eq!((pushed.stored, pushed.counted), (0, 996));
    assert_eq!(push(&mut store, start(), &[alert(2, 1, 0)]).stored, 1, "another trap's first");
    assert_eq!(push(&mut store, start(), &[alert(2, 2, 0)]).counted, 1);
    let letters = store.take(after(60), BatchLimits::USUAL, &[]).letters;
    let counts: Vec<_> = texts(&letters).iter().map(|text| text.split(' ').nth(1).map(str::to_owned)).collect();
    let counts: Vec<_> = counts.iter().map(|count| count.as_deref().unwrap_or_default()).collect();
    assert_eq!(counts, ["0", "0", "0", "0", "996", "0", "1"]);
}

#[test]
fn a_first_that_finds_no_room_anywhere_is_told_to_the_caller() {
    let mut store = tiny();
    let alerts: Vec<_> = (1..=9).map(|policy| alert(policy, 1, 0)).collect();
    let pushed = push(&mut store, start(), &alerts);
    assert_eq!((pushed.stored, &pushed.refused), (8, &vec![alerts[8].id.clone()]));
    store.remove(&[alerts[0].id.clone()], start());
    assert_eq!(push(&mut store, start(), &alerts[8..]).stored, 1, "it may be offered again");
    assert_eq!(store.stats().given_up, 1);
}

#[test]
fn what_the_disk_has_no_room_for_is_in_memory_until_it_has() {
    let folder = tempfile::tempdir().expect("a folder");
    let bounds = Bounds { entries: 4, file: 4 << 20, ..Bounds::default() };
    let mut store = super::tests::with_bounds(&folder, bounds);
    let alerts: Vec<_> = (1..=6).map(|policy| alert(policy, 1, 0)).collect();
    let pushed = push(&mut store, start(), &alerts);
    assert_eq!((pushed.stored, pushed.durable, store.stats().volatile), (6, false, 2));
    store.remove(&[alerts[0].id.clone(), alerts[1].id.clone()], start());
    assert_eq!(store.stats().volatile, 0);
    drop(store);
    let mut store = super::tests::with_bounds(&folder, bounds);
    assert_eq!(store.take(start(), BatchLimits::USUAL, &[]).letters.len(), 4);
}

#[test]
fn counts_go_on_after_a_restart_but_not_in_what_was_handed_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = on_disk(&folder);
    push(&mut store, start(), &[alert(1, 1, 0), alert(1, 1, 1)]);
    drop(store);
    let mut store = on_disk(&folder);
    push(&mut store, after(1), &[alert(1, 1, 2)]);
    let letters = store.take(after(60), BatchLimits::USUAL, &[]).letters;
    assert!(texts(&letters)[1].ends_with(" 2"), "{:?}", texts(&letters));
    drop(store);
    let mut store = on_disk(&folder);
    push(&mut store, after(61), &[alert(1, 1, 3)]);
    assert_eq!(store.take(after(61), BatchLimits::USUAL, &[]).letters[..2], letters[..]);
}

#[test]
fn a_clock_that_is_set_back_makes_nothing_wait() {
    let mut store = memory();
    push(&mut store, after(86_400), &[alert(1, 1, 0), alert(1, 1, 1)]);
    assert_eq!(store.take(start(), BatchLimits::USUAL, &[]).letters.len(), 2);
    push(&mut store, start(), &[alert(1, 1, 2)]);
    assert_eq!(store.take(start(), BatchLimits::USUAL, &[]).letters.len(), 3);
}

#[test]
fn at_the_end_no_window_is_waited_for() {
    let mut store = memory();
    push(&mut store, start(), &[alert(1, 1, 0), alert(1, 1, 1)]);
    store.close_windows(start());
    assert_eq!(store.take(start(), BatchLimits::USUAL, &[]).letters.len(), 2);
    assert_eq!(PLAIN.render(&alert(1, 1, 0)), store.take(start(), BatchLimits::USUAL, &[]).letters[0].body);
}
