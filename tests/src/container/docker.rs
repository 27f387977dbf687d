//! Containers of Docker's own engine, which is started for them.

use std::{
    ffi::OsStr,
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail, ensure};
use tokio::{
    process::{Child, Command},
    time::{Instant, sleep},
};

use super::image::find;

/// Where guests have its programs.
const PROGRAMS: &str = "/docker";
/// Longest wait for the engine; under emulation it takes its time.
const PATIENCE: Duration = Duration::from_mins(2);
const STEP: Duration = Duration::from_millis(100);
const IMAGE: &str = "koney-decoy";

/// A running engine; ended with all its containers when dropped.
pub struct Docker {
    folder: PathBuf,
    engine: Option<Child>,
}

impl Docker {
    /// Starts one that keeps everything in `folder`, and gives it an image with a shell and this decoy.
    pub async fn start(folder: &Path, decoy: &str) -> Result<Self> {
        fs::create_dir_all(folder).context("make the engine's folder")?;
        let log = fs::File::create(folder.join("log")).context("make the engine's log")?;
        let mut engine = Command::new(Path::new(PROGRAMS).join("dockerd"));
        engine.env("PATH", format!("{PROGRAMS}:/usr/sbin:/usr/bin:/sbin:/bin"));
        for (option, name) in [("--data-root", "data"), ("--exec-root", "run"), ("--pidfile", "pid")] {
            engine.arg(option).arg(folder.join(name));
        }
        engine.args(["--bridge=none", "--iptables=false", "--ip6tables=false", "--exec-opt", "native.cgroupdriver=cgroupfs"]);
        engine.arg("--host").arg(host(folder)).stdout(log.try_clone()?).stderr(log).stdin(Stdio::null());
        let engine = engine.spawn().context("start dockerd: guests of `cargo xtask test` have it")?;
        let mut docker = Self { folder: folder.to_owned(), engine: Some(engine) };
        docker.ready().await?;
        let image = docker.image(decoy)?;
        docker.run(["import".as_ref(), image.as_os_str(), IMAGE.as_ref()]).await?;
        Ok(docker)
    }

    /// Starts a container that waits, below this cgroup or where the engine puts it by itself; gives its id.
    pub async fn container(&self, parent: Option<&str>) -> Result<String> {
        // Its profile takes a program that guests do not have.
        let mut words = vec!["run", "--detach", "--network=none", "--security-opt=apparmor=unconfined"];
        words.extend(parent.iter().flat_map(|parent| ["--cgroup-parent", parent]));
        words.extend([IMAGE, "/bin/sleep", "2147483647"]);
        self.run(words).await
    }

    /// Runs a program in a container, to its end.
    pub async fn exec(&self, id: &str, words: &[&str]) -> Result<String> {
        self.run(["exec", id].iter().chain(words)).await
    }

    async fn ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while self.run(["version"]).await.is_err() {
            let engine = self.engine.as_mut().context("it was started")?;
            if engine.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                bail!("Docker's engine does not start: {}", fs::read_to_string(self.folder.join("log"))?);
            }
            sleep(STEP).await;
        }
        Ok(())
    }

    /// A root file system as an archive.
    fn image(&self, decoy: &str) -> Result<PathBuf> {
        let root = self.folder.join("root");
        let decoy = root.join(decoy.trim_start_matches('/'));
        for folder in [root.join("bin").as_path(), decoy.parent().context("a decoy lies in a folder")?] {
            fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
        }
        fs::write(&decoy, "someverysecrettoken\n").context("plant the decoy")?;
        let busybox = find("busybox").context("busybox is not there: install package busybox-static")?;
        fs::copy(busybox, root.join("bin/busybox")).context("copy busybox")?;
        for applet in ["sh", "cat", "sleep"] {
            symlink("busybox", root.join("bin").join(applet)).context("link a program")?;
        }
        let archive = self.folder.join("image.tar");
        let tar = std::process::Command::new("tar").arg("-cf").arg(&archive).arg("-C").arg(&root).arg(".").status();
        ensure!(tar.context("start tar")?.success(), "tar cannot pack {}", root.display());
        Ok(archive)
    }

    async fn run<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Result<String> {
        let mut docker = Command::new(Path::new(PROGRAMS).join("docker"));
        docker.arg("--host").arg(host(&self.folder)).args(words);
        let said = docker.output().await.context("start docker")?;
        ensure!(said.status.success(), "docker says: {}", String::from_utf8_lossy(&said.stderr).trim());
        Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }

    /// Ends it with its containers.
    pub async fn end(mut self) -> Result<()> {
        let containers = self.run(["ps", "--quiet"]).await?;
        if !containers.is_empty() {
            self.run(["rm", "--force"].into_iter().chain(containers.lines())).await?;
        }
        let Some(mut engine) = self.engine.take() else { return Ok(()) };
        if let Some(pid) = engine.id().and_then(|pid| i32::try_from(pid).ok()).and_then(rustix::process::Pid::from_raw) {
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).context("tell the engine to end")?;
        }
        engine.wait().await.context("wait for the engine").map(drop)
    }
}

fn host(folder: &Path) -> String {
    format!("unix://{}", folder.join("docker.sock").display())
}
