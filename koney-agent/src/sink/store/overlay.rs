//! A file that can be read but not written: what is written stays in memory.
//!
//! The embedded store repairs a file when it opens it after a crash, so even for reading alone it has to be let write.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

const PAGE: u64 = 4096;

/// Writes go to memory, in whole pages; there are few of them.
#[derive(Debug)]
pub(super) struct Overlay {
    base: Box<dyn StorageBackend>,
    changed: Mutex<Changed>,
}

#[derive(Debug)]
struct Changed {
    pages: BTreeMap<u64, Vec<u8>>,
    length: u64,
    base_length: u64,
}

impl Overlay {
    pub(super) fn new(base: Box<dyn StorageBackend>) -> io::Result<Self> {
        let length = base.len()?;
        Ok(Self { base, changed: Mutex::new(Changed { pages: BTreeMap::new(), length, base_length: length }) })
    }

    fn lock(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn page(&self, changed: &Changed, page: u64) -> io::Result<Vec<u8>> {
        if let Some(bytes) = changed.pages.get(&page) {
            return Ok(bytes.clone());
        }
        let mut bytes = vec![0; size(PAGE)];
        let readable = changed.base_length.saturating_sub(page * PAGE).min(PAGE);
        let part = bytes.get_mut(..size(readable)).unwrap_or_default();
        self.base.read(page * PAGE, part)?;
        Ok(bytes)
    }
}

impl StorageBackend for Overlay {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let changed = self.lock();
        if offset.saturating_add(out.len() as u64) > changed.length {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = offset;
        let mut rest = out;
        while !rest.is_empty() {
            let page = self.page(&changed, at / PAGE)?;
            let from = page.get(size(at % PAGE)..).unwrap_or_default();
            let (now, later) = rest.split_at_mut(from.len().min(rest.len()));
            now.copy_from_slice(from.get(..now.len()).unwrap_or_default());
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut changed = self.lock();
        // What is cut off and comes back must be zeros.
        changed.base_length = changed.base_length.min(length);
        changed.pages.retain(|page, _| page * PAGE < length);
        let last = length / PAGE;
        if let Some(page) = changed.pages.get_mut(&last) {
            page.get_mut(size(length % PAGE)..).unwrap_or_default().fill(0);
        }
        changed.length = length;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut changed = self.lock();
        changed.length = changed.length.max(offset.saturating_add(data.len() as u64));
        let mut at = offset;
        let mut rest = data;
        while !rest.is_empty() {
            let mut page = self.page(&changed, at / PAGE)?;
            let into = page.get_mut(size(at % PAGE)..).unwrap_or_default();
            let (now, later) = rest.split_at(into.len().min(rest.len()));
            into.get_mut(..now.len()).unwrap_or_default().copy_from_slice(now);
            changed.pages.insert(at / PAGE, page);
            at += now.len() as u64;
            rest = later;
        }
        Ok(())
    }
}

fn size(bytes: u64) -> usize {
    usize::try_from(bytes).expect("less than a page")
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::*;

    #[test]
    fn what_is_written_hides_what_is_below_and_leaves_it_alone() {
        let base = InMemoryBackend::new();
        base.set_len(10_000).expect("memory");
        base.write(0, &[1; 10_000]).expect("memory");
        let overlay = Overlay::new(Box::new(base)).expect("readable");
        overlay.write(4_090, &[2; 10]).expect("memory");
        let mut read = [0; 14];
        overlay.read(4_088, &mut read).expect("within");
        assert_eq!(read, [1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1]);
        overlay.set_len(4_092).expect("memory");
        overlay.set_len(9_000).expect("memory");
        overlay.read(4_088, &mut read).expect("within");
        assert_eq!(read, [1, 1, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert!(overlay.read(8_999, &mut [0; 2]).is_err());
        let mut below = [0; 4];
        overlay.base.read(4_088, &mut below).expect("within");
        assert_eq!(below, [1; 4]);
    }
}
