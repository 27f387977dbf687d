//! One layer: files of root, of no time.

use std::{collections::BTreeSet, io};

use anyhow::Result;
use tar::{Builder, EntryType, Header};

/// A layer that grows, uncompressed.
pub(crate) struct Layer {
    tar: Builder<Vec<u8>>,
    folders: BTreeSet<String>,
}

impl Default for Layer {
    fn default() -> Self {
        Self { tar: Builder::new(Vec::new()), folders: BTreeSet::new() }
    }
}

impl Layer {
    /// Adds folders with all above them.
    pub(crate) fn folders(&mut self, paths: &[&str]) -> Result<()> {
        for path in paths {
            let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
            for folder in ends.filter_map(|end| path.get(..end)) {
                if self.folders.insert(folder.to_owned()) {
                    let mut header = header(EntryType::Directory, 0o755, 0);
                    self.tar.append_data(&mut header, format!("{folder}/"), io::empty())?;
                }
            }
        }
        Ok(())
    }

    /// Adds a file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        let mut header = header(EntryType::Regular, mode, content.len().try_into()?);
        Ok(self.tar.append_data(&mut header, path, content)?)
    }

    /// Adds a symbolic link.
    pub(crate) fn link(&mut self, path: &str, target: &str) -> Result<()> {
        let mut header = header(EntryType::Symlink, 0o777, 0);
        Ok(self.tar.append_link(&mut header, path, target)?)
    }

    /// The tar archive.
    pub(crate) fn finish(self) -> Result<Vec<u8>> {
        Ok(self.tar.into_inner()?)
    }
}

pub(super) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_files_are_the_same_bytes_with_every_folder_once() {
        let make = || -> Result<Vec<u8>> {
            let mut layer = Layer::default();
            layer.folders(&["etc/ssl", "etc/other"])?;
            layer.file("etc/ssl/file", 0o644, b"content")?;
            layer.finish()
        };
        let bytes = make().expect("a layer");
        assert_eq!(bytes, make().expect("a layer"));
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entries = archive.entries().expect("an archive").map(|entry| {
            let entry = entry.expect("an entry");
            (entry.path().expect("a path").display().to_string(), entry.header().mtime().expect("a time"))
        });
        let expected = ["etc/", "etc/ssl/", "etc/other/", "etc/ssl/file"].map(|path| (path.to_owned(), 0));
        assert_eq!(entries.collect::<Vec<_>>(), expected);
    }
}
