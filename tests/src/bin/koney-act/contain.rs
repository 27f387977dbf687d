//! Containers as a runtime makes them: a cgroup, namespaces, a root of its own, and a first process that lives.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs::{self, File},
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns, unshare};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, unmount},
    process::pivot_root,
};

use crate::{
    say,
    steps::{linger, path},
};

/// `contain ROOT [cgroup=FOLDER] [volume=SOURCE:TARGET] [pids-of=PID] [user]...`: prepares everything that must be done before the
/// container's first process starts, starts it, says its number, and waits for it.
pub(crate) fn outside(arguments: &[OsString]) -> Result<ExitCode> {
    let root = PathBuf::from(path(arguments, 0)?);
    let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWCGROUP;
    let (mut pids, mut volumes) = (CloneFlags::CLONE_NEWPID, Vec::new());
    for argument in arguments.get(1..).unwrap_or_default() {
        match split(argument, b'=') {
            Some((key, value)) if key == "cgroup" => join(Path::new(value))?,
            Some((key, value)) if key == "volume" => volumes.push(split(value, b':').context("a volume is SOURCE:TARGET")?),
            Some((key, value)) if key == "pids-of" => {
                setns(File::open(Path::new("/proc").join(value).join("ns/pid"))?, CloneFlags::CLONE_NEWPID)?;
                pids = CloneFlags::empty();
            }
            None if argument == "user" => flags |= CloneFlags::CLONE_NEWUSER,
            _ => bail!("what is {}?", argument.display()),
        }
    }
    unshare(flags | pids).context("leave the host's namespaces")?;
    if flags.contains(CloneFlags::CLONE_NEWUSER) {
        for map in ["uid_map", "gid_map"] {
            fs::write(format!("/proc/self/{map}"), "0 0 65536").context("map the users")?;
        }
    }
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).context("keep mounts to itself")?;
    mount_bind_recursive(&root, &root).context("make the root a mount")?;
    for (source, target) in volumes {
        let target = root.join(Path::new(target).strip_prefix("/").context("a volume's place is absolute")?);
        mount_bind_recursive(source, &target).with_context(|| format!("mount {}", target.display()))?;
    }
    let mut first = Command::new("/proc/self/exe").arg0("koney-act").arg("init").arg(&root).spawn().context("start init")?;
    say(&format!("pid {}", first.id()));
    Ok(code(first.wait()?))
}

/// `init ROOT`: the first process, before it is the container's own program.
pub(crate) fn inside(arguments: &[OsString]) -> Result<ExitCode> {
    env::set_current_dir(path(arguments, 0)?)?;
    // Both at one place, so that no folder is needed for the old root (`pivot_root(2)`).
    pivot_root(".", ".").context("change the root")?;
    unmount(".", UnmountFlags::DETACH).context("let go of the old root")?;
    env::set_current_dir("/")?;
    mount("proc", "/proc", "proc", MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC, None).context("mount /proc")?;
    Err(Command::new("/bin/koney-act").arg("pause").env_clear().env("PATH", "/bin").exec()).context("run the image's program")
}

/// Says that the container is up, and lives until it is told to end.
#[expect(clippy::unnecessary_wraps, reason = "like the others")]
pub(crate) fn pause() -> Result<ExitCode> {
    say("up");
    linger();
    Ok(ExitCode::SUCCESS)
}

/// `enter PID [cgroup=FOLDER]... -- PROGRAM ARGUMENTS`: runs a program in a container, as `kubectl exec` does, and says its number.
pub(crate) fn enter(arguments: &[OsString]) -> Result<ExitCode> {
    let process = Path::new("/proc").join(path(arguments, 0)?);
    let end = arguments.iter().position(|word| word == "--").context("a program follows `--`")?;
    for argument in arguments.get(1..end).unwrap_or_default() {
        let (_, folder) = split(argument, b'=').filter(|(key, _)| *key == "cgroup").context("expected cgroup=FOLDER")?;
        join(Path::new(folder))?;
    }
    let (program, words) = arguments.get(end + 1..).and_then(<[OsString]>::split_first).context("no program is named")?;
    let kinds = [
        ("user", CloneFlags::CLONE_NEWUSER),
        ("cgroup", CloneFlags::CLONE_NEWCGROUP),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("pid", CloneFlags::CLONE_NEWPID),
        ("mnt", CloneFlags::CLONE_NEWNS),
    ];
    // All at once, for /proc goes away with the mount namespace; the own user namespace cannot be entered again.
    let mut namespaces = Vec::new();
    for (name, flag) in kinds {
        let theirs = process.join("ns").join(name);
        if fs::metadata(&theirs)?.ino() != fs::metadata(Path::new("/proc/self/ns").join(name))?.ino() {
            namespaces.push((File::open(&theirs)?, flag));
        }
    }
    for (file, flag) in namespaces {
        setns(file, flag).with_context(|| format!("enter {flag:?}"))?;
    }
    env::set_current_dir("/")?;
    let mut child = Command::new(program).args(words).env_clear().env("PATH", "/bin").spawn().context("start the program")?;
    say(&format!("pid {}", child.id()));
    Ok(code(child.wait()?))
}

fn join(cgroup: &Path) -> Result<()> {
    fs::write(cgroup.join("cgroup.procs"), "0").with_context(|| format!("join {}", cgroup.display()))
}

fn split(word: &OsStr, at: u8) -> Option<(&OsStr, &OsStr)> {
    let bytes = word.as_bytes();
    let index = bytes.iter().position(|byte| *byte == at)?;
    Some((OsStr::from_bytes(bytes.get(..index)?), OsStr::from_bytes(bytes.get(index + 1..)?)))
}

fn code(status: std::process::ExitStatus) -> ExitCode {
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
