//! When something in a folder changed, as far as inotify can tell: not behind symlinks, and not before the folder exists.

use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};

use inotify::{EventMask, EventStream, Inotify, StreamExt as _, WatchDescriptor, WatchMask};

/// Bytes for events; a name has at most 255, and a full buffer only means one more read.
const BUFFER_BYTES: usize = 4096;

/// Events of one folder, found by its path each time it is watched anew.
pub(super) struct FolderEvents {
    folder: PathBuf,
    source: Source,
    watch: Option<WatchDescriptor>,
}

enum Source {
    /// No runtime yet; the kernel keeps the events.
    Idle(Inotify),
    Stream(EventStream<Vec<u8>>),
    /// The kernel refused; the folder is only read on a timer.
    Unavailable,
}

impl FolderEvents {
    /// Starts to collect events; needs no runtime.
    pub(super) fn new(folder: &Path) -> Self {
        let source = match Inotify::init() {
            Ok(inotify) => Source::Idle(inotify),
            Err(error) => refused(&error),
        };
        let mut events = Self {
            folder: folder.to_owned(),
            source,
            watch: None,
        };
        events.watch();
        events
    }

    /// Whether changes of the folder are events now.
    pub(super) fn is_watching(&self) -> bool {
        self.watch.is_some()
    }

    /// Watches what the path leads to now: after the folder was replaced that is another one.
    pub(super) fn watch(&mut self) {
        let mut watches = match &self.source {
            Source::Idle(inotify) => inotify.watches(),
            Source::Stream(stream) => stream.watches(),
            Source::Unavailable => return,
        };
        let mask = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::ATTRIB
            | WatchMask::MOVE
            | WatchMask::DELETE
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        let new = watches.add(&self.folder, mask).ok();
        let old = std::mem::replace(&mut self.watch, new);
        if let Some(old) = old.filter(|old| self.watch.as_ref() != Some(old)) {
            // Fails when the folder is gone, and its watch with it.
            drop(watches.remove(old));
        }
    }

    /// Waits for one event. Nothing is lost when the future is dropped; without inotify it never ends.
    pub(super) async fn next(&mut self) {
        self.source = match std::mem::replace(&mut self.source, Source::Unavailable) {
            Source::Idle(inotify) => match inotify.into_event_stream(vec![0; BUFFER_BYTES]) {
                Ok(stream) => Source::Stream(stream),
                Err(error) => refused(&error),
            },
            other => other,
        };
        let Source::Stream(stream) = &mut self.source else {
            return pending().await;
        };
        match stream.next().await {
            Some(Ok(event)) => {
                let is_gone = event
                    .mask
                    .intersects(EventMask::DELETE_SELF | EventMask::MOVE_SELF | EventMask::IGNORED);
                if is_gone && self.watch.as_ref() == Some(&event.wd) {
                    self.watch();
                }
            }
            other => {
                let error = other
                    .and_then(Result::err)
                    .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into());
                self.source = refused(&error);
                self.watch = None;
            }
        }
    }
}

fn refused(error: &io::Error) -> Source {
    tracing::warn!(
        error = %error,
        "cannot watch the manifest folder: reading it on a timer; raise fs.inotify.max_user_instances"
    );
    Source::Unavailable
}
