//! What the cluster said last, on disk: an agent that starts while the API server is away goes on where the one before it stopped.
//!
//! Policies, sinks and pods, and no Secret: nor what the decoys contain, which nobody needs to recognise them.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tracing::{info, warn};

/// Of another version nothing is read.
const VERSION: u32 = 1;
/// A file of more bytes is none of ours.
const LONGEST: u64 = 64 << 20;

/// A folder with one file for each thing that is known.
#[derive(Debug)]
pub struct LastKnown {
    folder: PathBuf,
    /// Said already that nothing can be written.
    told: AtomicBool,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: u32,
    content: T,
}

impl LastKnown {
    /// In a folder, which is made when something is to be kept.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self { folder, told: AtomicBool::new(false) }
    }

    /// What was kept under a name; `None` where that is nothing that can be read.
    pub(super) fn load<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let path = self.path(name);
        match read(&path) {
            Ok(content) => {
                info!(path = %path.display(), "what the cluster said last is in force until it is heard");
                Some(content)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                warn!(path = %path.display(), %error, "what the cluster said last cannot be read; nothing is watched until it is heard");
                None
            }
        }
    }

    /// Keeps something under a name.
    pub(super) fn save<T: Serialize>(&self, name: &str, content: &T) {
        match write(&self.folder, &self.path(name), &Versioned { version: VERSION, content }) {
            Ok(()) => self.told.store(false, Ordering::Relaxed),
            Err(error) if self.told.swap(true, Ordering::Relaxed) => tracing::debug!(%error, "still nothing can be kept"),
            Err(error) => {
                let folder = self.folder.display();
                let remedy = "make the folder of --state writable and its disk large enough";
                warn!(%folder, %error, remedy, "what the cluster says cannot be kept: an agent that starts while the API server is away knows nothing");
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    let file = File::open(path)?;
    if file.metadata()?.len() > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too large"));
    }
    let Versioned::<serde_json::Value> { version, content } = serde_json::from_reader(io::BufReader::new(file))?;
    if version != VERSION {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is of version {version}")));
    }
    Ok(serde_json::from_value(content)?)
}

/// Whole or not at all, whenever the power goes.
fn write<T: Serialize>(folder: &Path, path: &Path, content: &T) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let aside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(&serde_json::to_vec(content)?)?;
    file.sync_all()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_was_kept_comes_back_and_what_is_broken_does_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let known = LastKnown::in_folder(folder.path().join("state"));
        assert_eq!(known.load::<Vec<u32>>("pods"), None);
        known.save("pods", &[1_u32, 2]);
        assert_eq!(known.load::<Vec<u32>>("pods"), Some(vec![1, 2]));
        let path = folder.path().join("state/pods.json");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        for broken in ["", "{\"version\":1,\"content\":[1,", "{\"version\":2,\"content\":[1]}", "{\"version\":1,\"content\":7}"] {
            fs::write(&path, broken).expect("write");
            assert_eq!(known.load::<Vec<u32>>("pods"), None, "{broken}");
        }
    }
}
