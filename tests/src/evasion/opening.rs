//! Opening by other means, reading without a read, and looking without opening.

use std::{fs, os::unix::fs::PermissionsExt as _};

use anyhow::{Result, ensure};

use super::{
    perl,
    scenario::{Scenario, play},
    trial::{TOKEN, Trial, done, text},
};
use crate::container::{Disk, Kind, Place, Setup, Spawn};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new("E16", "io_uring: openat and read, by a worker, by a polling thread", play!(e16)),
    Scenario::new("E17", "mmap, splice, sendfile, copy_file_range, reflink", play!(e17)),
    Scenario::new("E18", "execve of the decoy, a program and a script", play!(e18)),
    Scenario::new("E21", "open that the mode bits deny: silent by default, told where the policy asks for it", play!(e21))
        .not_by_fanotify("what the kernel denies"),
    Scenario::new("E23", "stat, access, getxattr, listing the folder", play!(e23)),
    Scenario::new("E29", "descriptor opened before the start, and one passed over a socket", play!(e29)),
];

async fn e16(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    for way in ["plain", "async", "polled"] {
        // Before 5.11 a polling thread opens nothing, and before 5.12 a worker is a process of the kernel's own.
        if way == "polled" && !t.kernel_since(5, 11) {
            continue;
        }
        let opener = done(perl::uring(way, TOKEN).inside(&pod).await?).await?;
        let want = trap.open().by_identity();
        // Its script is longer than what a record holds.
        let own = way == "plain" || t.kernel_since(5, 12);
        t.expect(way, [if own { want.by(&opener).whatever_arguments() } else { want }]).await;
        opener.end().await?;
    }
    Ok(())
}

async fn e17(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let mapper = perl::mmap(&pod, TOKEN).await?;
    t.expect("mmap", [trap.open().by_identity().by(&mapper)]).await;
    for words in [&["splice", TOKEN][..], &["sendfile", TOKEN], &["copy-range", TOKEN, "/tmp/copy"]] {
        let reader = t.inside(&pod, words).await?;
        t.expect(words[0], [trap.open().by_identity().by(&reader)]).await;
    }
    for kind in [Kind::Xfs, Kind::Btrfs] {
        let disk = Disk::mount(kind, &t.path(kind.name()))?;
        let file = text(disk.path.join("token"));
        t.scene().unwant_all();
        super::trial::plant(file.as_ref())?;
        let trap = t.armed(&Place::Host, &file).await;
        let cloner = t.host(&["reflink", &file, &text(disk.path.join("clone"))]).await?;
        t.expect("reflink", [trap.open().by_identity().by(&cloner)]).await;
    }
    Ok(())
}

async fn e18(t: &mut Trial) -> Result<()> {
    const PROGRAM: &str = "/usr/local/bin/rotate_keys";
    const SCRIPT: &str = "/usr/local/bin/rotate_keys_all";
    let image = t.image("programs")?;
    image.put(SCRIPT, "#!/bin/sh\nexit 0\n")?;
    let busybox = crate::container::program("busybox")?;
    fs::copy(busybox, image.path(PROGRAM))?;
    for file in [PROGRAM, SCRIPT] {
        fs::set_permissions(image.path(file), fs::Permissions::from_mode(0o755))?;
    }
    let pod = t.start(Setup::of(&image)).await?;
    let program = t.armed(&pod.place(), PROGRAM).await;
    let mut runner = Spawn::act(["exec", PROGRAM]).inside(&pod).await?;
    ensure!(runner.exit().await? == Some(0), "the program ran well");
    t.expect("a program", [program.act("exec").by_identity().by(&runner).gone()]).await;
    let script = t.armed(&pod.place(), SCRIPT).await;
    let mut runner = Spawn::act(["exec", SCRIPT]).inside(&pod).await?;
    ensure!(runner.exit().await? == Some(0), "the script ran well");
    // The kernel opens it to run it, then its interpreter opens it to read it. Two opens of one process are one event of fanotify.
    let wants = [
        script.act("exec").by_identity().by(&runner).gone(),
        script.open().by_identity().by(&runner).binary("/bin/busybox").whatever_arguments().gone().unseen_by_fanotify(),
    ];
    t.expect("a script", wants).await;
    Ok(())
}

async fn e21(t: &mut Trial) -> Result<()> {
    let path = t.plant("private")?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    t.armed(&Place::Host, &path).await;
    let attempt = || -> Result<_> { Spawn::act(["read", &path]).by(1000).on_host() };
    let mut denied = attempt()?;
    ensure!(denied.failed().await?.contains("Permission denied"), "the kernel denies it");
    t.quiet("not asked for").await;
    if t.ebpf() && cfg!(target_arch = "aarch64") && !t.kernel_since(6, 4) {
        t.skip("arm64 attaches fexit programs, which alone see the verdict, since Linux 6.4", (6, 4));
        return Ok(());
    }
    t.scene().unwant_all();
    let trap = t.trap_denied(&Place::Host, &path);
    t.settle().await;
    let mut denied = attempt()?;
    denied.failed().await?;
    t.expect("asked for", [trap.act("denied").by(&denied)]).await;
    let reader = t.host(&["read", &path]).await?;
    t.expect("an access beside", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}

async fn e23(t: &mut Trial) -> Result<()> {
    let (pod, _trap) = t.usual().await?;
    let words = ["stat", TOKEN, "--", "access", TOKEN, "--", "getxattr", TOKEN, "--", "list", "/run/secrets/koney"];
    t.inside(&pod, &words).await?.end().await?;
    t.quiet("looking").await;
    Ok(())
}

async fn e29(t: &mut Trial) -> Result<()> {
    let path = t.plant("held")?;
    let mut holder = Spawn::act(["hold", &path, "--", "wait", "--", "read-held"]).on_host()?;
    holder.says("ready").await?;
    t.restart().await?;
    let trap = t.armed(&Place::Host, &path).await;
    t.expect("held since before the start", [trap.act("held").by(&holder)]).await;
    holder.go().await?;
    let holder = done(holder).await?;
    t.quiet("reading by it").await;
    holder.end().await?;
    let giver = t.host(&["give", &path]).await?;
    t.expect("passed on", [trap.open().by_identity().by(&giver)]).await;
    Ok(())
}
