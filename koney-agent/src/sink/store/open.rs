//! To the disk, away from it when it fails, and back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Store;
use super::bounds::{News, Place};
use super::dead::Grave;
use super::disk::{Disk, FORMAT, Unusable};
use super::index::{Body, Entry, is_reached, later};
use super::medium::Medium;
use super::overlay::Overlay;
use super::row::Head;

/// Corrupt files that are kept for whoever wants to know.
const CORRUPT_KEPT: usize = 3;
const CORRUPT: &str = ".corrupt-";

impl Store {
    /// Goes to disk, if it was not there and a minute has passed since it was last tried.
    pub(super) fn recover(&mut self, now: Timestamp) {
        if self.writable || self.medium.is_none() || !is_reached(self.retry_at, now) {
            return;
        }
        // It reads the file that is about to be written.
        self.disk = None;
        match self.attach(now) {
            Ok(()) => {
                self.commit(now);
                if self.writable && self.place != Place::Disk {
                    self.place = Place::Disk;
                    self.news.push(News::OnDisk);
                }
            }
            Err(error) => self.fall(&error, now),
        }
    }

    /// From here on in memory. Whatever the disk was not told yet is there still.
    pub(super) fn fall(&mut self, error: &Unusable, now: Timestamp) {
        let reason = error.to_string();
        self.disk = None;
        self.writable = false;
        // Who has the file is about to close it.
        self.retry_at = if matches!(error, Unusable::Busy) { now } else { later(now) };
        let place = Place::Memory { reason: reason.clone() };
        if self.place != place {
            self.place = place;
            self.news.push(News::InMemory { reason });
        }
        if !matches!(error, Unusable::Busy)
            && let Ok(disk) = self.read_only()
            && (self.loaded || self.load(&disk).is_ok())
        {
            self.disk = Some(disk);
        }
    }

    /// What cannot be written may be readable still.
    fn read_only(&self) -> Result<Disk, Unusable> {
        let trouble = |error: std::io::Error| Unusable::Trouble(error.to_string());
        let medium = self.medium.as_ref().ok_or(Unusable::Busy)?;
        let overlay = Overlay::new(medium.read().map_err(trouble)?).map_err(trouble)?;
        Disk::open(Box::new(overlay), self.token)
    }

    fn attach(&mut self, now: Timestamp) -> Result<(), Unusable> {
        let Some(medium) = self.medium.clone() else { return Ok(()) };
        let disk = self.open_file(&*medium, now)?;
        // Where another process had it meanwhile, or it is another file, what it holds is news.
        if self.loaded && [Some(self.token), self.former].contains(&disk.former()) {
            self.reconcile(&disk)?;
        } else {
            self.load(&disk)?;
        }
        self.disk = Some(disk);
        self.writable = true;
        self.take_in_again(&*medium);
        Ok(())
    }

    /// A file that cannot be used is set aside, once: a new one that cannot either is no file's fault.
    fn open_file(&mut self, medium: &dyn Medium, now: Timestamp) -> Result<Disk, Unusable> {
        for _ in 0..2 {
            let opened = medium
                .open("", self.bounds.file)
                .map_err(|error| Unusable::Trouble(format!("its file cannot be opened: {error}")))?;
            let (ending, news) = match Disk::open(opened, self.token) {
                Err(Unusable::Corrupt(reason)) => {
                    let ending = format!("{CORRUPT}{}", now.as_second());
                    (ending.clone(), News::Corrupt { reason, ending })
                }
                Err(Unusable::Newer(version)) => {
                    let plain = format!(".v{version}");
                    let taken = medium.endings().unwrap_or_default().contains(&plain);
                    let ending = if taken { format!("{plain}-{}", now.as_second()) } else { plain };
                    (ending.clone(), News::Newer { version, ending })
                }
                other => return other,
            };
            medium.set_aside(&ending).map_err(|error| Unusable::Trouble(format!("{news}; yet that failed: {error}")))?;
            self.news.push(news);
            forget_corrupt(medium);
        }
        Err(Unusable::Trouble("a new file cannot be used either".to_owned()))
    }

    /// What the disk has comes first; what memory has already, after it.
    fn load(&mut self, disk: &Disk) -> Result<(), Unusable> {
        let mut seen = BTreeMap::new();
        disk.each_seen(&mut |number, ids| drop(seen.insert(number, ids.to_vec())))?;
        let newer = std::mem::take(&mut self.index);
        let newer_dead = std::mem::take(&mut self.dead);
        let (mut unreadable, mut highest) = (Vec::new(), 0);
        let index = &mut self.index;
        disk.each_row(&mut |number, bytes| {
            highest = highest.max(number);
            match Head::decode(bytes) {
                Some((head, body)) => index.insert(number, Entry::new(head, Body::Disk, body.len(), true)),
                None => unreadable.push(number),
            }
        })?;
        let (mut graves, mut lost) = (Vec::new(), Vec::new());
        disk.each_dead(&mut |number, bytes| {
            highest = highest.max(number);
            match Grave::decode(bytes) {
                Some(grave) => graves.push((number, Grave { body: Body::Disk, ..grave })),
                None => lost.push(number),
            }
        })?;
        self.loaded = true;
        self.former = disk.former();
        self.next = self.next.max(highest + 1);
        self.seen.load(seen);
        for (number, grave) in graves {
            self.insert_dead(number, grave);
        }
        self.index.dirty.extend(&unreadable);
        self.dead.dirty.extend(&lost);
        self.report_unreadable(unreadable.len() + lost.len());
        for (_, entry) in newer.iter() {
            match (self.index.number(&entry.head.id), &entry.body) {
                (_, Body::Disk) => {}
                (Some(number), Body::Memory(body)) => self.index.replace(number, entry.head, body.clone()),
                (None, Body::Memory(_)) => {
                    let number = self.number();
                    self.index.insert(number, entry.clone());
                }
            }
        }
        for (_, grave) in newer_dead.iter().filter(|(_, grave)| grave.body != Body::Disk) {
            let number = self.number();
            self.insert_dead(number, grave.clone());
        }
        Ok(())
    }

    /// Memory knows what waits; the disk may have more and less of it, and either version of what was being written.
    fn reconcile(&mut self, disk: &Disk) -> Result<(), Unusable> {
        let mut rows = Vec::new();
        let mut graves = Vec::new();
        let mut batches = Vec::new();
        disk.each_row(&mut |number, _| rows.push(number))?;
        disk.each_dead(&mut |number, _| graves.push(number))?;
        disk.each_seen(&mut |number, _| batches.push(number))?;
        self.seen.rewrite(batches.into_iter());
        let gone: Vec<u64> = self
            .index
            .iter()
            .filter(|(number, entry)| entry.body == Body::Disk && rows.binary_search(number).is_err())
            .map(|(number, _)| number)
            .collect();
        for number in &gone {
            self.index.remove(*number);
        }
        let gone_dead: Vec<u64> = self
            .dead
            .iter()
            .filter(|(number, grave)| grave.body == Body::Disk && graves.binary_search(number).is_err())
            .map(|(number, _)| number)
            .collect();
        for number in &gone_dead {
            self.dead.remove(*number);
        }
        self.report_unreadable(gone.len() + gone_dead.len());
        rows.retain(|number| self.index.get(*number).is_none());
        graves.retain(|number| self.dead.get(*number).is_none());
        self.index.dirty.extend(rows);
        self.dead.dirty.extend(graves);
        Ok(())
    }

    /// Files that were set aside for an agent that knows their format, as this one may, or that an agent has left that has ended.
    pub(super) fn take_in_again(&mut self, medium: &dyn Medium) {
        let (plain, prefix) = (format!(".v{FORMAT}"), format!(".v{FORMAT}-"));
        for ending in medium.endings().unwrap_or_default() {
            if ending != plain && !ending.starts_with(&prefix) {
                continue;
            }
            let Ok(Ok(disk)) = medium.open(&ending, self.bounds.file).map(|file| Disk::open(file, self.token)) else { continue };
            let mut rows = Vec::new();
            if disk.each_row(&mut |_, bytes| rows.extend(Head::decode(bytes).map(|(head, body)| (head, body.to_vec())))).is_err()
            {
                continue;
            }
            let mut graves = Vec::new();
            if disk.each_dead(&mut |_, bytes| graves.extend(Grave::decode(bytes))).is_err() {
                continue;
            }
            drop(disk);
            let fit = rows.iter().map(|(_, body)| super::index::size(body.len())).sum();
            if !self.has_room_on_disk(fit) || self.index.len() + rows.len() > self.bounds.entries {
                // The next start asks again.
                continue;
            }
            let taken = rows.len();
            for (head, body) in rows {
                if self.index.number(&head.id).is_none() {
                    let number = self.number();
                    let length = body.len();
                    self.index.insert(number, Entry::new(head, Body::Memory(body), length, true));
                }
            }
            for grave in graves {
                let number = self.number();
                self.insert_dead(number, grave);
            }
            if self.write().is_ok() && medium.remove(&ending).is_ok() {
                self.news.push(News::TakenIn { rows: taken });
            }
        }
    }

    fn report_unreadable(&mut self, rows: usize) {
        if rows > 0 {
            self.unreadable += rows as u64;
            self.news.push(News::Unreadable { rows });
        }
    }
}

fn forget_corrupt(medium: &dyn Medium) {
    let mut corrupt: Vec<_> =
        medium.endings().unwrap_or_default().into_iter().filter(|ending| ending.starts_with(CORRUPT)).collect();
    corrupt.sort_unstable();
    let many = corrupt.len().saturating_sub(CORRUPT_KEPT);
    for ending in corrupt.into_iter().take(many) {
        // It only takes space.
        drop(medium.remove(&ending));
    }
}
