//! One guest, from start to verdict, and the watcher that ends it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use super::{
    console::{Console, Line, Verdict},
    initramfs,
    kernel::{self, Kernel, Machine},
    nonce,
    spec::Spec,
};
use crate::{arch::Arch, process, ui, workspace};

/// How long a guest in trouble, or one that has given its verdict, may go on talking.
const GRACE: Duration = Duration::from_secs(5);

/// Between two looks at the switch.
const GLANCE: Duration = Duration::from_millis(100);

/// Boots that are tried. Emulated processors now and then trip over code that the kernel patches while it boots ("Oops: int3"), which
/// says nothing about the command: it has not been started.
const BOOTS: u32 = 3;

/// Boots a guest, gives each line that the command prints to `output`, and tells how it ended.
pub(crate) fn run(spec: &Spec, output: &mut dyn FnMut(&str)) -> Result<Verdict> {
    let mut verdict = once(spec, output)?;
    for _ in 1..BOOTS {
        if !matches!(verdict, Verdict::NotBooted(_)) {
            break;
        }
        ui::note(&format!("{verdict}; booting again"));
        verdict = once(spec, output)?;
    }
    Ok(verdict)
}

fn once(spec: &Spec, output: &mut dyn FnMut(&str)) -> Result<Verdict> {
    let kernel = kernel::get(spec.arch, &spec.series)?;
    let nonce = nonce()?;
    let scratch = Scratch::new(&nonce)?;
    let initramfs = scratch.0.join("initramfs");
    initramfs::write(&initramfs, spec, &kernel, &nonce)?;

    let disk = scratch.0.join("disk");
    if spec.disk_mib > 0 {
        make_disk(&disk, spec.disk_mib)?;
    }

    let mut command = command(spec, &kernel, &initramfs, &disk);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", process::describe(&command)))?;
    let result = watch(&mut child, spec, &nonce, output);
    // Gone already in the good case; then there is nothing left to kill.
    child.kill().context("cannot end QEMU")?;
    child.wait().context("cannot wait for QEMU")?;
    result
}

/// A file that takes room on this machine only where it is written to.
fn make_disk(path: &Path, mebibytes: u32) -> Result<()> {
    let file = fs::File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
    file.set_len(u64::from(mebibytes) << 20).with_context(|| format!("cannot give {} its size", path.display()))
}

/// The words with which a guest is started, but for the files: a count depends on them.
pub(crate) fn words(spec: &Spec) -> String {
    let kernel = Kernel { image: "KERNEL".into(), modules: PathBuf::new(), config: None };
    let text = process::describe(&command(spec, &kernel, Path::new("INITRD"), Path::new("DISK")));
    let machine = Machine::of(spec.arch).qemu;
    text.find(machine).and_then(|at| text.get(at..)).unwrap_or(&text).to_owned()
}

/// Which QEMU it is.
pub(crate) fn version(arch: Arch) -> Result<String> {
    let text = process::text(Command::new(Machine::of(arch).qemu).arg("--version"))?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

fn command(spec: &Spec, kernel: &Kernel, initramfs: &Path, disk: &Path) -> Command {
    let machine = Machine::of(spec.arch);
    let mut command = process::mortal(machine.qemu);
    let mut words = format!("console={} panic=-1 quiet loglevel=4", machine.console);
    for more in [spec.variant.cmdline(), &spec.cmdline] {
        if !more.is_empty() {
            words.push(' ');
            words.push_str(more);
        }
    }
    if spec.icount {
        // One nanosecond of the guest's time for each instruction; where it idles, time jumps to what it waits for.
        command.args(["-icount", "shift=0,sleep=off"]);
    }
    if let Some(options) = spec.network {
        command.args(["-netdev", &format!("user,id=net0,{options}"), "-device", "virtio-net-pci,netdev=net0"]);
        words.push_str(" net.ifnames=0");
    }
    if spec.disk_mib > 0 {
        // What the guest syncs is synced here: QEMU's default passes flushes on.
        let drive = format!("file={},format=raw,if=none,id=disk0", disk.display());
        command.args(["-drive", &drive, "-device", "virtio-blk-pci,drive=disk0"]);
    }
    command
        .args(machine.qemu_args)
        // A /dev/kvm that is there need not work for these kernels, and emulation is the same everywhere.
        .args(["-accel", if spec.threads { "tcg,thread=multi" } else { "tcg,thread=single" }])
        .args(["-display", "none", "-nodefaults", "-no-reboot"])
        .args(["-serial", "stdio", "-monitor", "none"])
        .args(["-m", &spec.memory_mib.to_string(), "-smp", &if spec.icount { 1 } else { spec.smp }.to_string()])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initramfs)
        .args(["-append", &words])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn watch(child: &mut Child, spec: &Spec, nonce: &str, output: &mut dyn FnMut(&str)) -> Result<Verdict> {
    let (sender, lines) = mpsc::channel();
    // QEMU's own complaints are part of the story.
    let stdout = child.stdout.take().context("QEMU has no console")?;
    let stderr = child.stderr.take().context("QEMU has no standard error")?;
    forward(stdout, sender.clone());
    forward(stderr, sender);

    let mut console = Console::new(nonce);
    let late = listen(&lines, &mut console, spec, output);
    if spec.is_switched_off() {
        return Ok(Verdict::SwitchedOff);
    }
    console.finish(late.then_some(spec.timeout))
}

/// Reads the console to its end, or to the end of time: then the answer is true. Or until its power is cut.
fn listen(lines: &Receiver<String>, console: &mut Console, spec: &Spec, output: &mut dyn FnMut(&str)) -> bool {
    let mut deadline = Instant::now() + spec.timeout;
    let mut grace = false;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        // Nobody writes a line when the switch is turned.
        match lines.recv_timeout(if spec.switch.is_some() { left.min(GLANCE) } else { left }) {
            Ok(line) => match console.feed(&line) {
                Line::Other => continue,
                Line::Output(line) => {
                    output(&line);
                    continue;
                }
                Line::Trouble(line) => output(&line),
                Line::Done(rest) => {
                    if let Some(rest) = rest {
                        output(&rest);
                    }
                }
            },
            Err(RecvTimeoutError::Disconnected) => return false,
            Err(RecvTimeoutError::Timeout) if spec.is_switched_off() => return false,
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => continue,
            Err(RecvTimeoutError::Timeout) => return !grace,
        }
        grace = true;
        deadline = deadline.min(Instant::now() + GRACE);
    }
}

fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line);
            if lines.send(line.trim_end_matches('\r').to_owned()).is_err() {
                return;
            }
        }
    });
}

/// A folder for one run, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(nonce: &str) -> Result<Self> {
        let runs = workspace::target().join("vm/runs");
        forget_dead_runs(&runs);
        let folder = runs.join(format!("{}-{nonce}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }
}

/// A run that was interrupted has left its folder behind.
fn forget_dead_runs(runs: &Path) {
    for entry in fs::read_dir(runs).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.split_once('-')).map(|(pid, _)| pid);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // Best effort: another run may be doing the same.
            fs::remove_dir_all(entry.path()).ok();
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            crate::ui::note(&format!("cannot remove {}: {error}", self.0.display()));
        }
    }
}
