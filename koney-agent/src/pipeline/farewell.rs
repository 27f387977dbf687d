//! An agent that is told to stop for good leaves nothing on its node; any other leaves what keeps watch until the next one comes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tracing::{info, warn};

use crate::{cluster::api::OwnDaemonSet, kernel::pins};

/// What may have to be removed, and who knows whether.
pub(super) struct Farewell {
    pub(super) daemonset: OwnDaemonSet,
    /// Where kernel programs are pinned.
    pub(super) pins: Option<PathBuf>,
    /// Where is kept what the cluster said last.
    pub(super) state: Option<PathBuf>,
}

impl Farewell {
    /// Removes everything if the agent's DaemonSet is gone.
    pub(super) async fn say(self) {
        if !self.daemonset.is_gone().await {
            return;
        }
        info!("the agent's DaemonSet is gone: nothing is left on this node");
        if let Some(pins) = &self.pins
            && let Err(error) = pins::detach(pins)
        {
            warn!(%error, "kernel programs are left; remove them with `koney-agent detach`");
        }
        if let Some(state) = &self.state
            && let Err(error) = remove(state)
        {
            warn!(folder = %state.display(), %error, "what this agent has kept is left; remove the folder");
        }
    }
}

/// The folder itself is mounted from the host and can be removed there only.
fn remove(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    let Ok(below) = folder.strip_prefix("/") else { return Ok(()) };
    fs::remove_dir(folder).or_else(|_mounted| fs::remove_dir(Path::new("/proc/1/root").join(below)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_removed_with_its_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        fs::create_dir(&state).expect("create");
        fs::write(state.join("pods.json"), "{}").expect("write");
        fs::create_dir(state.join("queue")).expect("create");
        fs::write(state.join("queue/prod"), "").expect("write");
        remove(&state).expect("all of it is removed");
        assert!(!state.exists());
    }
}
