//! Another program that watches the trap, as its script says: `sh SCRIPT TRAP OUTPUT`.

use std::{
    fs,
    io::ErrorKind,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use super::{scene::TRAP, work::Work};

/// Where the peers write what they see.
const FOLDER: &str = "/var/log/koney-peers";
/// How long it may take until it tells of the trap, and between two looks.
const PATIENCE: Duration = Duration::from_mins(5);
const GLANCE: Duration = Duration::from_millis(500);

/// A peer; ended when dropped.
pub(crate) struct Peer {
    child: Child,
    output: PathBuf,
    /// What it had told before.
    before: usize,
}

impl Peer {
    /// Starts it and waits until it tells of an access.
    pub(crate) fn start(script: &Path) -> Result<Self> {
        let name = script.file_stem().context("a script has a name")?;
        fs::create_dir_all(FOLDER).context("make the folder of the peers' output")?;
        let output = Path::new(FOLDER).join(name);
        // What it told when it was started before would be taken for this time's, and fatrace refuses a file that exists.
        match fs::remove_file(&output) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).context("remove what the peer told before"),
            _ => {}
        }
        let log = fs::File::create(output.with_extension("log")).context("make a file for what it says")?;
        let mut command = Command::new("sh");
        command.arg(script).arg(TRAP).arg(&output).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().context("start a shell")?;
        let mut peer = Self { child, output, before: 0 };
        let mut waited = Duration::ZERO;
        while peer.told()? == 0 {
            if waited >= PATIENCE || peer.child.try_wait().context("look after the peer")?.is_some() {
                let said = fs::read_to_string(peer.output.with_extension("log")).unwrap_or_default();
                bail!("{} does not tell of an access to {TRAP}: {}", script.display(), said.trim());
            }
            // A process that is older than the kernel's audit has no context for it.
            Work::Once(TRAP.to_owned()).elsewhere()?;
            thread::sleep(GLANCE);
            waited += GLANCE;
        }
        Ok(peer)
    }

    /// Lines about the trap so far.
    fn lines(&self) -> Result<usize> {
        let name = Path::new(TRAP).file_name().context("the trap has a name")?.to_string_lossy();
        match fs::read(&self.output) {
            Ok(text) => Ok(String::from_utf8_lossy(&text).lines().filter(|line| line.contains(&*name)).count()),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error).context("read what the peer says"),
        }
    }

    /// Lines about the trap since [`Self::forget`].
    pub(crate) fn told(&self) -> Result<usize> {
        Ok(self.lines()?.saturating_sub(self.before))
    }

    /// Begins to count anew.
    pub(crate) fn forget(&mut self) -> Result<()> {
        self.before = self.lines()?;
        Ok(())
    }

    /// The last line about the trap, to see that it is what it should be.
    pub(crate) fn says(&self) -> String {
        let text = fs::read_to_string(&self.output).unwrap_or_default();
        let name = Path::new(TRAP).file_name().unwrap_or_default().to_string_lossy();
        text.lines().rfind(|line| line.contains(&*name)).unwrap_or_default().chars().take(300).collect()
    }
}

impl Drop for Peer {
    /// Ends it, and waits until it has cleaned up.
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Gone already if it failed.
            let _signalled = kill_process_group(group, Signal::TERM);
        }
        let _status = self.child.wait();
    }
}
