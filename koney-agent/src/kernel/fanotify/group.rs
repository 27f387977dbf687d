//! The system calls: a group of marks, and the queue of its events.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
    time::Duration,
};

use nix::sys::fanotify::{EventFFlags, Fanotify, FanotifyEvent, InitFlags, MarkFlags, MaskFlags};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::CWD,
};

/// An exec raises this too, in the same event (`fsnotify_open`, `include/linux/fsnotify.h`); asking for `FAN_OPEN_EXEC` besides would
/// add nothing.
const WATCHED: MaskFlags = MaskFlags::FAN_OPEN;

/// A fanotify group of the notification class.
pub(super) struct Group(Fanotify);

impl Group {
    /// The queue keeps its limit (`/proc/sys/fs/fanotify/max_queued_events`): each event pins a file, and whoever opens a decoy must not
    /// decide how much memory that takes. What does not fit is told by an event of its own.
    pub(super) fn new() -> io::Result<Self> {
        let flags =
            InitFlags::FAN_CLASS_NOTIF | InitFlags::FAN_CLOEXEC | InitFlags::FAN_NONBLOCK | InitFlags::FAN_UNLIMITED_MARKS;
        // Of the descriptors that come with the events: they must neither wait nor leave a trace on the decoy.
        let events = EventFFlags::O_RDONLY
            | EventFFlags::O_LARGEFILE
            | EventFFlags::O_NONBLOCK
            | EventFFlags::O_CLOEXEC
            | EventFFlags::O_NOATIME;
        Ok(Self(Fanotify::init(flags, events)?))
    }

    /// Marks the file behind a descriptor. Marking it again changes nothing.
    pub(super) fn mark(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        self.change(MarkFlags::FAN_MARK_ADD, file)
    }

    /// Takes the mark off the file.
    pub(super) fn unmark(&self, file: BorrowedFd<'_>) -> io::Result<()> {
        self.change(MarkFlags::FAN_MARK_REMOVE, file)
    }

    /// By the descriptor's link: the system call takes no `O_PATH` descriptor itself (`fanotify_find_path`).
    fn change(&self, change: MarkFlags, file: BorrowedFd<'_>) -> io::Result<()> {
        let link = format!("/proc/self/fd/{}", file.as_raw_fd());
        Ok(self.0.mark(change, WATCHED, CWD, Some(link.as_str()))?)
    }

    /// Some hundred events at most, each with a descriptor of its own; `WouldBlock` where there are none.
    pub(super) fn read(&self) -> io::Result<Vec<FanotifyEvent>> {
        Ok(self.0.read_events()?)
    }

    /// Waits for events.
    pub(super) fn wait(&self, patience: Duration) -> io::Result<()> {
        let patience = Timespec::try_from(patience).map_err(io::Error::other)?;
        poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&patience))?;
        Ok(())
    }
}

impl AsRawFd for Group {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
