//! The ring of records, read without giving anything back before it is safe.
//!
//! The kernel overwrites what lies behind the consumer position, so that position is the agent's promise: it is published once per
//! batch, after the batch's alerts are out of harm's way. Layout and protocol: `kernel/bpf/ringbuf.c` (6.12).
//!
//! Every mapped page counts as the agent's memory, touched or not, and the kernel offers the data twice over so that no record wraps:
//! twelve MiB for a ring that is empty nearly always. So only a window of it is mapped, which moves along with the reader.

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

use koney_common::{Record, record::CANDIDATE_RING_BYTES};
use rustix::mm::{MapFlags, ProtFlags};
use tokio::io::{Interest, unix::AsyncFd};

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER_LEN: usize = 8;

/// Bytes that are mapped at a time. A record and its header take a small part of it.
const WINDOW: usize = 128 << 10;
const _: () = assert!(size_of::<Record>() + HEADER_LEN < WINDOW / 8 && WINDOW <= CANDIDATE_RING_BYTES);

/// The reader. There is one: the consumer position has one owner.
pub struct Ring {
    ready: AsyncFd<OwnedFd>,
    data: Data,
}

/// What is mapped of it.
struct Data {
    /// The consumer position is its first word.
    consumer: Mapping,
    /// The producer position is its first word.
    producer: Mapping,
    /// Part of the data.
    window: Mapping,
    /// Where the window begins in the data, which is there twice over.
    start: usize,
    page: usize,
    size: usize,
    /// How far has been read; ahead of what is published.
    position: u64,
}

// SAFETY: the mappings are process-wide; the consumer position has this one owner and all shared words are accessed atomically.
unsafe impl Send for Data {}

impl Ring {
    /// Maps a ring of `size` bytes (a power of two). Must be called inside a tokio runtime.
    pub(super) fn map(fd: OwnedFd, size: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let consumer = Mapping::new(&fd, page, ProtFlags::READ | ProtFlags::WRITE, 0)?;
        let producer = Mapping::new(&fd, page, ProtFlags::READ, page)?;
        let window = Mapping::new(&fd, WINDOW, ProtFlags::READ, 2 * page)?;
        // SAFETY: the registration owns the descriptor, so it stays open as long as it is registered.
        let ready = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(|error| error.into_parts().1)?;
        let mut data = Data { consumer, producer, window, start: 0, page, size, position: 0 };
        data.position = data.consumer_position().load(Ordering::Acquire);
        Ok(Self { ready, data })
    }

    /// Waits until there is something beyond what was read. No timer: the kernel wakes the reader.
    ///
    /// Cancel safe.
    pub async fn readable(&mut self) -> io::Result<()> {
        let Self { ready, data } = self;
        loop {
            let mut guard = ready.readable().await?;
            if data.has_more(ready.get_ref()) {
                return Ok(());
            }
            guard.clear_ready();
            // A record committed between the look and the clearing has set the readiness again, which `clear_ready` respects.
        }
    }

    /// Hands every finished record to `each`, at most `limit`, without giving their space back.
    ///
    /// Stops at a record that a program is still writing. Returns how many were handed over.
    pub fn drain(&mut self, limit: usize, mut each: impl FnMut(&[u8])) -> usize {
        let Self { ready, data } = self;
        let mut count = 0;
        let end = data.producer_position().load(Ordering::Acquire);
        while data.position < end && count < limit {
            let Some(header) = data.header(ready.get_ref()) else { break };
            if header & BUSY != 0 {
                break;
            }
            let length = (header & !DISCARDED) as usize;
            if header & DISCARDED == 0 {
                each(data.record(length));
                count += 1;
            }
            data.position += (length + HEADER_LEN).next_multiple_of(8) as u64;
        }
        count
    }

    /// Gives everything that was read back to the kernel.
    pub fn publish(&mut self) {
        self.data.consumer_position().store(self.data.position, Ordering::Release);
        // The kernel wakes the reader only when it finds the consumer position at the record it commits (`bpf_ringbuf_commit`); this
        // side then looks for records again. Each side writes one word and reads the other's: without a full barrier between the
        // two, both could see the old value and the reader would sleep on a record.
        fence(Ordering::SeqCst);
    }

    /// What was read and not given back is read again.
    pub fn rewind(&mut self) {
        self.data.position = self.data.consumer_position().load(Ordering::Acquire);
    }

    /// A finished record lies beyond what was read. For an unfinished one the kernel wakes the reader when it is committed, provided
    /// that everything before it was published.
    #[must_use]
    pub fn has_more(&mut self) -> bool {
        self.data.has_more(self.ready.get_ref())
    }
}

impl Data {
    fn has_more(&mut self, ring: &OwnedFd) -> bool {
        self.position < self.producer_position().load(Ordering::Acquire)
            && self.header(ring).is_some_and(|header| header & BUSY == 0)
    }

    fn consumer_position(&self) -> &AtomicU64 {
        // SAFETY: the first word of a page that lives as long as `self`, aligned, written by this side only.
        unsafe { self.consumer.address.cast::<AtomicU64>().as_ref() }
    }

    fn producer_position(&self) -> &AtomicU64 {
        // SAFETY: the first word of a page that lives as long as `self`, aligned; the kernel writes it as one word.
        unsafe { self.producer.address.cast::<AtomicU64>().as_ref() }
    }

    /// The header of the next record; moves the window there. `None` where there is no memory for that, which is told.
    fn header(&mut self, ring: &OwnedFd) -> Option<u32> {
        if let Err(error) = self.cover(ring) {
            tracing::error!(%error, "records wait in the kernel: their ring cannot be mapped; the node lacks memory");
            return None;
        }
        let offset = self.offset() - self.start;
        // SAFETY: the window holds the whole record (`cover`), and records start at multiples of eight.
        let header = unsafe { self.window.address.add(offset) };
        // SAFETY: aligned, mapped as long as `self`; the kernel writes it as one word.
        let header = unsafe { header.cast::<AtomicU32>().as_ref() };
        Some(header.load(Ordering::Acquire))
    }

    /// What follows the header that was read last.
    fn record(&self, length: usize) -> &[u8] {
        let offset = self.offset() - self.start + HEADER_LEN;
        // The kernel writes the length, and no program reserves more than a record; clamped all the same, for it bounds a slice.
        let length = length.min(self.window.length - offset);
        // SAFETY: inside the window, which holds the header (`cover`).
        let start = unsafe { self.window.address.add(offset) };
        // SAFETY: clamped to the window above. The kernel does not write a committed record before the consumer position passes it, which
        // needs `&mut self`, as does moving the window.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), length) }
    }

    /// Moves the window, unless it holds the next record whole.
    fn cover(&mut self, ring: &OwnedFd) -> io::Result<()> {
        let offset = self.offset();
        if (self.start..=self.start + self.window.length - WINDOW / 8).contains(&offset) {
            return Ok(());
        }
        let start = offset / self.page * self.page;
        // A window that begins before the end of the data ends before the end of its second copy.
        self.window = Mapping::new(ring, WINDOW, ProtFlags::READ, 2 * self.page + start)?;
        self.start = start;
        Ok(())
    }

    /// Where the next record lies in the data.
    #[expect(clippy::cast_possible_truncation, reason = "masked to below the size, which is a usize")]
    fn offset(&self) -> usize {
        (self.position & (self.size as u64 - 1)) as usize
    }
}

/// Pages of the ring.
struct Mapping {
    address: NonNull<u8>,
    length: usize,
}

impl Mapping {
    fn new(fd: impl AsFd, length: usize, flags: ProtFlags, offset: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
        let address =
            unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, flags, MapFlags::SHARED, fd.as_fd(), offset as u64) }?;
        Ok(Self { address: NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?, length })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range that `new` obtained; no reference into it outlives `self`. The result is of no use: there is nothing left to do
        // with the mapping.
        let _unmapped = unsafe { rustix::mm::munmap(self.address.as_ptr().cast(), self.length) };
    }
}
