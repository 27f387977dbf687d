//! The ring of records, read without giving anything back before it is safe.
//!
//! The kernel overwrites what lies behind the consumer position, so that position is the agent's promise: it is published once per
//! batch, after the batch's alerts are out of harm's way. Layout and protocol: `kernel/bpf/ringbuf.c` (6.12).

use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering, fence},
};

use rustix::mm::{MapFlags, ProtFlags};
use tokio::io::{Interest, unix::AsyncFd};

const BUSY: u32 = 1 << 31;
const DISCARDED: u32 = 1 << 30;
const HEADER_LEN: usize = 8;

/// The reader. There is one: the consumer position has one owner.
pub struct Ring {
    /// One page: the consumer position.
    consumer: NonNull<AtomicU64>,
    /// One page with the producer position, then the data twice over, so that a record never wraps.
    producer: NonNull<u8>,
    page: usize,
    size: usize,
    /// How far has been read; ahead of what is published.
    position: u64,
    ready: AsyncFd<OwnedFd>,
}

// SAFETY: the mappings are process-wide; the consumer position has this one owner and all shared words are accessed atomically.
unsafe impl Send for Ring {}

impl Ring {
    /// Maps a ring of `size` bytes (a power of two). Must be called inside a tokio runtime.
    pub(super) fn map(fd: OwnedFd, size: usize) -> io::Result<Self> {
        let page = rustix::param::page_size();
        let consumer = map(&fd, page, ProtFlags::READ | ProtFlags::WRITE, 0)?;
        let producer = map(&fd, page + 2 * size, ProtFlags::READ, page as u64)?;
        // SAFETY: the registration owns the descriptor, so it stays open as long as it is registered.
        let ready = unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }.map_err(|error| error.into_parts().1)?;
        let mut ring = Self { consumer: consumer.cast(), producer, page, size, position: 0, ready };
        ring.position = ring.consumer_position().load(Ordering::Acquire);
        Ok(ring)
    }

    /// Waits until there is something beyond what was read. No timer: the kernel wakes the reader.
    ///
    /// Cancel safe.
    pub async fn readable(&mut self) -> io::Result<()> {
        loop {
            let mut guard = self.ready.readable().await?;
            if self.has_more() {
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
        let mut count = 0;
        let end = self.producer_position().load(Ordering::Acquire);
        while self.position < end && count < limit {
            let header = self.header_at(self.position).load(Ordering::Acquire);
            if header & BUSY != 0 {
                break;
            }
            let length = (header & !DISCARDED) as usize;
            if header & DISCARDED == 0 {
                each(self.record_at(self.position, length));
                count += 1;
            }
            self.position += (length + HEADER_LEN).next_multiple_of(8) as u64;
        }
        count
    }

    /// Gives everything that was read back to the kernel.
    pub fn publish(&mut self) {
        self.consumer_position().store(self.position, Ordering::Release);
        // The kernel wakes the reader only when it finds the consumer position at the record it commits (`bpf_ringbuf_commit`); this
        // side then looks for records again. Each side writes one word and reads the other's: without a full barrier between the
        // two, both could see the old value and the reader would sleep on a record.
        fence(Ordering::SeqCst);
    }

    /// What was read and not given back is read again.
    pub fn rewind(&mut self) {
        self.position = self.consumer_position().load(Ordering::Acquire);
    }

    /// A finished record lies beyond what was read. For an unfinished one the kernel wakes the reader when it is committed, provided
    /// that everything before it was published.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.position < self.producer_position().load(Ordering::Acquire)
            && self.header_at(self.position).load(Ordering::Acquire) & BUSY == 0
    }

    fn consumer_position(&self) -> &AtomicU64 {
        // SAFETY: the first word of a page that lives as long as `self`, aligned, written by this side only.
        unsafe { self.consumer.as_ref() }
    }

    fn producer_position(&self) -> &AtomicU64 {
        // SAFETY: the first word of a page that lives as long as `self`, aligned; the kernel writes it as one word.
        unsafe { self.producer.cast::<AtomicU64>().as_ref() }
    }

    fn header_at(&self, position: u64) -> &AtomicU32 {
        let offset = self.page + self.offset(position);
        // SAFETY: the offset is below page + size, inside the mapping; records start at multiples of eight.
        let header = unsafe { self.producer.add(offset) };
        // SAFETY: aligned, mapped as long as `self`; the kernel writes it as one word.
        unsafe { header.cast::<AtomicU32>().as_ref() }
    }

    fn record_at(&self, position: u64, length: usize) -> &[u8] {
        // The kernel writes the length, never more than the ring; clamped all the same, for it bounds a slice.
        let length = length.min(self.size - HEADER_LEN);
        let offset = self.page + self.offset(position) + HEADER_LEN;
        // SAFETY: below page + size + 8.
        let start = unsafe { self.producer.add(offset) };
        // SAFETY: start + length is at most page + 2 * size, inside the mapping. The kernel does not write a committed record before
        // the consumer position passes it, which needs `&mut self`.
        unsafe { std::slice::from_raw_parts(start.as_ptr(), length) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "masked to below the size, which is a usize")]
    fn offset(&self, position: u64) -> usize {
        (position & (self.size as u64 - 1)) as usize
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: the range that `map` obtained; no reference into it outlives `self`.
        let _consumer = unsafe { rustix::mm::munmap(self.consumer.as_ptr().cast(), self.page) };
        // SAFETY: as above.
        let _producer = unsafe { rustix::mm::munmap(self.producer.as_ptr().cast(), self.page + 2 * self.size) };
    }
}

fn map(fd: impl AsFd, length: usize, flags: ProtFlags, offset: u64) -> io::Result<NonNull<u8>> {
    // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing.
    let address = unsafe { rustix::mm::mmap(std::ptr::null_mut(), length, flags, MapFlags::SHARED, fd.as_fd(), offset) }?;
    Ok(NonNull::new(address.cast()).ok_or(io::ErrorKind::OutOfMemory)?)
}
