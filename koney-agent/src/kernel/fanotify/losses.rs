//! What fanotify could not tell.

use std::io;

use rustix::io::Errno;

/// Since the start; each may stand for accesses that went unreported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Times that the queue was full; the kernel does not say how many events each one cost.
    pub overflows: u64,
    /// Events whose file the kernel could not open for the agent, and which it took from the queue all the same.
    pub unreadable: u64,
}

impl Losses {
    /// Counts a failed read; gives it back where it is not the loss of one event but the end of reading.
    pub(super) fn read_failed(&mut self, error: io::Error) -> io::Result<()> {
        match Errno::from_io_error(&error) {
            None | Some(Errno::BADF | Errno::FAULT | Errno::INVAL) => Err(error),
            // The event is gone (`copy_event_to_user`, `fs/notify/fanotify/fanotify_user.c`).
            Some(_) => {
                self.unreadable += 1;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_opened_costs_one_event_and_no_more() {
        let mut losses = Losses::default();
        for lost in [Errno::MFILE, Errno::NOMEM, Errno::STALE] {
            losses.read_failed(lost.into()).expect("reading goes on");
        }
        assert_eq!(losses, Losses { overflows: 0, unreadable: 3 });
        let refused = losses.read_failed(Errno::INVAL.into()).expect_err("the same again and again");
        assert_eq!(Errno::from_io_error(&refused), Some(Errno::INVAL));
        assert_eq!(losses.unreadable, 3);
    }
}
