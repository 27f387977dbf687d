//! The file of a queue: its blocks are its own before anything is written, and nothing is written beyond them.
//!
//! So a disk that others fill later cannot stop an alert from being stored. Reserved blocks hold nothing until they are first written, and for the
//! file system that is a change to the file: a sync then waits for its journal, and so does every other file's meanwhile (`fs/ext4/extents.c`,
//! `ext4_convert_unwritten_extents`). They are therefore written with zeros some way ahead, or a sink that takes nothing, whose queue only grows,
//! would slow the syncs of all others.

use std::fs::{File, TryLockError};
use std::io;
use std::mem;
use std::ops::Bound;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};
use rustix::fs::{FallocateFlags, fallocate, fstatfs};
use rustix::io::Errno;

/// A file with reserved blocks.
#[derive(Debug)]
pub(super) struct BoundedFile {
    file: File,
    bound: u64,
    /// All blocks up to the bound belong to the file.
    reserved: AtomicBool,
    /// Where the part begins that was never written; never, in memory. Held while something is written there.
    fresh: Mutex<u64>,
}

/// How far ahead zeros are written.
const AHEAD: u64 = 256 << 10;

impl BoundedFile {
    /// Reserves everything up to `bound`. Fails where the disk has no room for it.
    pub(super) fn new(file: File, bound: u64) -> io::Result<Self> {
        // Of a file that was there before, nobody knows.
        let fresh = if is_memory(&file) { u64::MAX } else { file.metadata()?.len() };
        let file = Self { file, bound, reserved: AtomicBool::new(false), fresh: Mutex::new(fresh) };
        file.reserve()?;
        Ok(file)
    }

    pub(super) fn reader(file: File) -> Self {
        Self { file, bound: 0, reserved: AtomicBool::new(true), fresh: Mutex::new(u64::MAX) }
    }

    fn fresh(&self) -> MutexGuard<'_, u64> {
        self.fresh.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fills up what is fresh around bytes that were just written, and some way ahead of them. Where that fails, blocks stay fresh and syncs slow.
    fn break_in(&self, fresh: &mut u64, start: u64, end: u64) -> io::Result<()> {
        if end <= *fresh {
            return Ok(());
        }
        let ahead = end.next_multiple_of(AHEAD).min(self.bound).min(self.file.metadata()?.len()).max(end);
        let fresh = mem::replace(fresh, ahead);
        self.zero(fresh, start)?;
        self.zero(end, ahead)
    }

    fn zero(&self, mut start: u64, end: u64) -> io::Result<()> {
        const ZEROS: [u8; 16 << 10] = [0; 16 << 10];
        while start < end {
            let length = usize::try_from(end - start).unwrap_or(usize::MAX).min(ZEROS.len());
            let zeros = ZEROS.get(..length).unwrap_or_default();
            self.file.write_all_at(zeros, start)?;
            start += length as u64;
        }
        Ok(())
    }

    fn reserve(&self) -> io::Result<()> {
        if is_memory(&self.file) {
            // Reserved, it would be taken from the agent's own memory, and from its limit.
            self.reserved.store(true, Ordering::Relaxed);
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, self.bound) {
            // Some file systems cannot reserve; there a full disk is noticed when it is.
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                self.reserved.store(true, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn lock(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
        lock: impl Fn(&File) -> Result<(), TryLockError>,
    ) -> Result<bool, BackendError> {
        if !matches!((start, end), (Bound::Unbounded | Bound::Included(0), Bound::Unbounded)) {
            return Err(BackendError::Unsupported);
        }
        match lock(&self.file) {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(BackendError::Io(error)),
        }
    }
}

/// It lies on a file system in memory (`TMPFS_MAGIC`, `RAMFS_MAGIC`: `include/uapi/linux/magic.h`, 6.12).
fn is_memory(file: &File) -> bool {
    fstatfs(file).is_ok_and(|about| [0x0102_1994, 0x8584_58f6].contains(&about.f_type))
}

impl StorageBackend for BoundedFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        // The store doubles a file that is too small. Only what is written counts, and it fills a file from its front.
        let shrinks = length < self.file.metadata()?.len();
        self.file.set_len(length)?;
        if shrinks {
            let mut fresh = self.fresh();
            *fresh = if is_memory(&self.file) { u64::MAX } else { length.min(*fresh) };
            drop(fresh);
            // Cutting a file gives its blocks back, those behind its end too. Should others take them meanwhile: again with each sync.
            self.reserved.store(false, Ordering::Relaxed);
            drop(self.reserve());
        }
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        if !self.reserved.load(Ordering::Relaxed) {
            drop(self.reserve());
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if offset.saturating_add(data.len() as u64) > self.bound {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "the file of this queue is at its bound"));
        }
        let mut fresh = self.fresh();
        self.file.write_all_at(data, offset)?;
        drop(self.break_in(&mut fresh, offset, offset.saturating_add(data.len() as u64)));
        Ok(())
    }

    fn close(&self) -> io::Result<()> {
        self.file.unlock()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.lock(start, end, File::try_lock)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.lock(start, end, File::try_lock_shared)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::*;

    /// A file in a folder, with room for a megabyte, and the bytes that are its own.
    fn megabyte(folder: &Path) -> (BoundedFile, impl Fn(&BoundedFile) -> u64) {
        let file = BoundedFile::new(tempfile::tempfile_in(folder).expect("a file"), 1 << 20).expect("room for a megabyte");
        (file, |file| file.file.metadata().expect("open").blocks() * 512)
    }

    #[test]
    fn blocks_are_reserved_again_after_the_file_was_cut() {
        // Where this test was built is no memory.
        let built = std::env::current_exe().expect("a program has a path");
        let (file, bytes) = megabyte(built.parent().expect("in a folder"));
        assert!(bytes(&file) >= 1 << 20);
        file.set_len(1 << 19).expect("longer");
        file.set_len(4096).expect("shorter");
        assert!(file.len().expect("open") == 4096 && bytes(&file) >= 1 << 20);
    }

    #[test]
    fn zeros_go_before_what_is_written_and_never_over_it() {
        let built = std::env::current_exe().expect("a program has a path");
        let (file, _) = megabyte(built.parent().expect("in a folder"));
        file.set_len(1 << 20).expect("longer");
        let mut expected = vec![0; 1 << 20];
        // Forwards with gaps, back into them, over the edge of what was broken in, and again.
        for (number, page) in [0, 3, 1, 62, 63, 65, 64, 2, 190, 100, 255, 254, 3].into_iter().enumerate() {
            let (data, start) = ([u8::try_from(number + 1).expect("few"); 4096], page * 4096);
            file.write(start as u64, &data).expect("within");
            expected[start..start + 4096].copy_from_slice(&data);
        }
        let mut read = vec![0; 1 << 20];
        file.read(0, &mut read).expect("all of it");
        assert!(read == expected);
        // What was cut off is fresh again.
        file.set_len(4096).expect("shorter");
        file.set_len(1 << 20).expect("longer");
        file.write(8192, &[7; 4096]).expect("within");
        file.read(0, &mut read).expect("all of it");
        assert!(read[..4096] == expected[..4096] && read[4096..8192] == [0; 4096] && read[8192..12288] == [7; 4096]);
        assert!(read[12288..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn memory_is_not_reserved() {
        let (file, bytes) = megabyte(Path::new("/dev/shm"));
        assert_eq!(bytes(&file), 0);
        file.set_len(1 << 20).expect("longer");
        file.write(0, &[1; 4096]).expect("within");
        file.sync_data().expect("synced");
        assert_eq!(bytes(&file), 4096, "nor written ahead");
    }

    #[test]
    fn nothing_is_written_beyond_the_bound() {
        let file = BoundedFile::new(tempfile::tempfile().expect("a file"), 8192).expect("room");
        file.write(4096, &[1; 4096]).expect("within");
        assert_eq!(file.write(4097, &[1; 4096]).expect_err("beyond").kind(), io::ErrorKind::StorageFull);
    }
}
