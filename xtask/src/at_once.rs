//! Guests side by side: emulation uses about one processor for each.

use std::{
    num::NonZero,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// More would only wait for one another's disks and memory.
const MOST: usize = 4;

/// How many guests this machine runs at once.
pub(crate) fn guests() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get).min(MOST)
}

/// Does the jobs, so many at once, and gives what came of them in the order of the jobs.
pub(crate) fn each<J: Sync, T: Send>(jobs: &[J], at_once: usize, work: impl Fn(&J) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(jobs.len()));
    thread::scope(|scope| {
        for _ in 0..at_once.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while let Some((index, job)) = jobs.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
                    let result = work(job);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_jobs() {
        let (both, jobs) = (Barrier::new(2), [3, 1, 2, 4]);
        // Ends only if two are under way at once.
        let results = each(&jobs, 2, |job| {
            both.wait();
            job * 10
        });
        assert_eq!(results, [30, 10, 20, 40]);
    }

    #[test]
    fn nothing_to_do_is_done() {
        assert!(each(&[], 2, |(): &()| ()).is_empty());
    }
}
