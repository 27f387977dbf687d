//! A writer for the archive format that the kernel unpacks at boot ("newc" cpio).
//!
//! Format: <https://docs.kernel.org/driver-api/early-userspace/buffer-format.html>

use std::io::{self, Write};

const FILE: u32 = 0o100_000;
const FOLDER: u32 = 0o040_000;
const LINK: u32 = 0o120_000;

/// Size of an entry's header.
const HEADER: usize = 110;

/// Writes entries to `out`; everything belongs to root and has no date, so the same input gives the same bytes.
pub(crate) struct Writer<W> {
    out: W,
    inode: u32,
}

impl<W: Write> Writer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, inode: 0 }
    }

    /// A folder; its parent must have been written before.
    pub(crate) fn folder(&mut self, path: &str, mode: u32) -> io::Result<()> {
        self.entry(path, FOLDER | mode, &[])
    }

    /// A regular file.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        self.entry(path, FILE | mode, content)
    }

    /// A symbolic link to `to`.
    pub(crate) fn link(&mut self, path: &str, to: &str) -> io::Result<()> {
        self.entry(path, LINK | 0o777, to.as_bytes())
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        self.inode = u32::MAX;
        self.entry("TRAILER!!!", 0, &[])?;
        Ok(self.out)
    }

    fn entry(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let too_big = |_| io::Error::new(io::ErrorKind::FileTooLarge, format!("{path} is too big for a cpio archive"));
        let size = u32::try_from(content.len()).map_err(too_big)?;
        let path = path.trim_start_matches('/');
        let name_size = u32::try_from(path.len() + 1).map_err(too_big)?;
        self.inode = self.inode.wrapping_add(1);
        let links = if mode & FOLDER != 0 { 2 } else { 1 };
        let (owner, group, date, device) = (0, 0, 0, 0);
        self.out.write_all(b"070701")?;
        for field in [
            self.inode, mode, owner, group, links, date, size, device, device, device, device, name_size,
            0, // checksum, unused in this format
        ] {
            write!(self.out, "{field:08X}")?;
        }
        self.out.write_all(path.as_bytes())?;
        self.out.write_all(&[0])?;
        self.pad(HEADER + path.len() + 1)?;
        self.out.write_all(content)?;
        self.pad(content.len())
    }

    /// Header with name, and content, each end at a multiple of four.
    fn pad(&mut self, length: usize) -> io::Result<()> {
        let missing = length.next_multiple_of(4) - length;
        self.out.write_all(&[0; 3][..missing])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_the_bytes_of_the_format() {
        let mut writer = Writer::new(Vec::new());
        writer.file("/a", 0o644, b"hello").expect("memory");
        let bytes = writer.finish().expect("memory");
        let header = "070701\
                      00000001000081A400000000000000000000000100000000\
                      0000000500000000000000000000000000000000\
                      0000000200000000";
        let mut wanted = header.as_bytes().to_vec();
        wanted.extend(b"a\0hello\0\0\0");
        wanted.extend(b"070701");
        assert_eq!(String::from_utf8_lossy(&bytes[..wanted.len()]), String::from_utf8_lossy(&wanted));
        assert_eq!(bytes.len() % 4, 0);
        assert!(bytes.windows(11).any(|window| window == b"TRAILER!!!\0"));
    }

    #[test]
    fn knows_files_folders_and_links() {
        let mut writer = Writer::new(Vec::new());
        writer.folder("usr", 0o755).expect("memory");
        writer.link("bin", "usr/bin").expect("memory");
        let bytes = writer.finish().expect("memory");
        assert_eq!(&bytes[14..22], b"000041ED");
        let link = HEADER + 6; // header, "usr\0", padding
        assert_eq!(&bytes[link + 14..link + 22], b"0000A1FF");
        assert!(bytes.windows(7).any(|window| window == b"usr/bin"));
    }
}
