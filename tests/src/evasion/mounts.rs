//! By another mount, another file system, or before anything was armed.

use std::fs;

use anyhow::{Context as _, Result, ensure};

use super::{
    perl,
    scenario::{Scenario, play},
    trial::{SECRET, TOKEN, Trial, done, plant, text},
};
use crate::container::{Disk, Kind, Place, Setup, Spawn};

const UNARMED: &str = "what is not armed yet";

pub(super) const ALL: &[Scenario] = &[
    Scenario::new("E8", "bind mount of the file, and of its folder, in a user namespace; a mount that is nowhere", play!(e8)),
    Scenario::new("E13", "open_by_handle_at on a volume: tmpfs, ext4, ext4 after dropping caches", play!(e13)),
    Scenario::new("E14", "open_by_handle_at on an overlay is refused", play!(e14)),
    Scenario::new("E22", "write open on a read-only mount", play!(e22)),
    Scenario::new("E39", "the same inode number on two file systems", play!(e39)),
    Scenario::new("E40", "tmpfs, ext4, xfs, btrfs, and an overlay without xino", play!(e40)),
    Scenario::new("E47", "raw block device: a limit", play!(e47)),
    Scenario::new("E53", "first access to a file mounted under another name", play!(e53)).not_by_fanotify(UNARMED),
    Scenario::new("E54", "first access through a bind mount, through chroot, through a mount that is nowhere", play!(e54))
        .not_by_fanotify(UNARMED),
];

async fn e8(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let elsewhere = ["create", "/tmp/file", "--", "unshare", "user", "mount", "--"];
    let of_file = [&elsewhere[..], &["bind", TOKEN, "/tmp/file", "--", "read", "/tmp/file"]].concat();
    let of_file = t.inside(&pod, &of_file).await?;
    let of_folder = [&elsewhere[3..], &["bind", "/run/secrets/koney", "/mnt", "--", "read", "/mnt/service_token"]].concat();
    let of_folder = t.inside(&pod, &of_folder).await?;
    t.expect("bind mounts", [trap.open().by_identity().by(&of_file), trap.open().by_identity().by(&of_folder)]).await;
    let nowhere = t.inside(&pod, &["detached", "/run/secrets/koney", "service_token"]).await?;
    t.expect("a detached mount", [trap.open().by_identity().by(&nowhere)]).await;
    Ok(())
}

async fn e13(t: &mut Trial) -> Result<()> {
    for (kind, cold) in [(Kind::Tmpfs, false), (Kind::Ext4, false), (Kind::Ext4, true)] {
        // The next disk may be given the device number of the last, and the file its inode number.
        t.scene().unwant_all();
        let disk = Disk::mount(kind, &t.path(&format!("{}-{cold}", kind.name())))?;
        let file = disk.path.join("vol/token");
        t.scene().unwant_all();
        plant(&file)?;
        let image = t.image("volume")?;
        let pod = t.start(Setup::of(&image).volume(&disk.path.join("vol"), "/data")).await?;
        let trap = t.armed(&pod.place(), "/data/token").await;
        let mut opener = perl::handle(&text(&file), &text(&disk.path)).on_host()?;
        opener.says("ready").await?;
        t.quiet("asking for the handle").await;
        if cold {
            fs::write("/proc/sys/vm/drop_caches", "2").context("drop the caches")?;
        }
        opener.go().await?;
        let opener = done(opener).await?;
        t.expect(kind.name(), [trap.open().by_identity().by(&opener)]).await;
    }
    Ok(())
}

async fn e14(t: &mut Trial) -> Result<()> {
    let (pod, _trap) = t.usual().await?;
    let mut opener = perl::handle(TOKEN, "/run").inside(&pod).await?;
    let said = opener.line().await?.context("it says something")?;
    if said == "ready" {
        opener.go().await?;
        opener.failed().await?;
    } else {
        ensure!(said.starts_with("failed: name_to_handle_at"), "{said}");
    }
    t.quiet("a handle of an overlay").await;
    Ok(())
}

async fn e22(t: &mut Trial) -> Result<()> {
    let (pod, _trap) = t.usual().await?;
    let words = ["unshare", "mount", "--", "bind", "/run/secrets/koney", "/mnt", "--", "readonly", "/mnt", "--"];
    let words = [&words[..], &["write", "/mnt/service_token"]].concat();
    let reason = Spawn::act(words).inside(&pod).await?.failed().await?;
    ensure!(reason.contains("Read-only file system"), "{reason}");
    t.quiet("a write that the mount refuses").await;
    Ok(())
}

async fn e39(t: &mut Trial) -> Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    let (ours, theirs) = (Disk::mount(Kind::Tmpfs, &t.path("ours"))?, Disk::mount(Kind::Tmpfs, &t.path("theirs"))?);
    let (decoy, stranger) = (ours.path.join("token"), theirs.path.join("token"));
    for file in [&decoy, &stranger] {
        plant(file)?;
    }
    ensure!(fs::metadata(&decoy)?.ino() == fs::metadata(&stranger)?.ino(), "the first files of two tmpfs share a number");
    let trap = t.armed(&Place::Host, &text(&decoy)).await;
    t.host(&["read", &text(&stranger)]).await?.end().await?;
    t.quiet("the stranger").await;
    let reader = t.host(&["read", &text(&decoy)]).await?;
    t.expect("the decoy", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}

async fn e40(t: &mut Trial) -> Result<()> {
    let mut disks = Vec::new();
    for kind in Kind::ALL {
        let disk = Disk::mount(kind, &t.path(kind.name()))?;
        let file = text(disk.path.join("token"));
        plant(file.as_ref())?;
        // A file of the name, and no trap's yet.
        t.quiet("planting").await;
        let trap = t.armed(&Place::Host, &file).await;
        let reader = t.host(&["read", &file]).await?;
        t.expect(kind.name(), [trap.open().by_identity().by(&reader)]).await;
        disks.push(disk);
    }
    let merged = t.dir("merged")?;
    plant(&t.path("ext4/lower/token"))?;
    let (lower, upper, work) = (t.text("ext4/lower"), t.text("tmpfs/upper"), t.text("tmpfs/work"));
    for folder in [&upper, &work] {
        fs::create_dir(folder)?;
    }
    let options = format!("xino=off,lowerdir={lower},upperdir={upper},workdir={work}");
    let options = std::ffi::CString::new(options)?;
    rustix::mount::mount("overlay", &merged, "overlay", rustix::mount::MountFlags::empty(), Some(options.as_c_str()))?;
    let file = text(merged.join("token"));
    t.quiet("planting").await;
    let trap = t.armed(&Place::Host, &file).await;
    let reader = t.host(&["read", &file]).await?;
    t.expect("overlay without xino", [trap.open().by_identity().by(&reader)]).await;
    rustix::mount::unmount(&merged, rustix::mount::UnmountFlags::DETACH)?;
    Ok(())
}

async fn e47(t: &mut Trial) -> Result<()> {
    let disk = Disk::mount(Kind::Ext4, &t.path("disk"))?;
    let file = text(disk.path.join("token"));
    plant(file.as_ref())?;
    t.armed(&Place::Host, &file).await;
    rustix::fs::sync();
    let device = disk.device()?;
    let content = fs::read(&device)?;
    ensure!(content.windows(SECRET.len()).any(|bytes| bytes == SECRET.as_bytes()), "the secret is on the device");
    t.host(&["read", &text(&device)]).await?.end().await?;
    t.quiet("reading the device").await;
    Ok(())
}

async fn e53(t: &mut Trial) -> Result<()> {
    let source = t.plant("volumes/kubernetes.io~secret/..data/key")?;
    let image = t.image("subpath")?;
    let pod = t.start(Setup::of(&image).volume(source.as_ref(), "/etc/app/password")).await?;
    let trap = t.trap(&pod.place(), "/etc/app/password");
    let reader = t.inside(&pod, &["read", "/etc/app/password"]).await?;
    t.expect("a mounted file", [trap.open().by_name().by(&reader)]).await;
    Ok(())
}

async fn e54(t: &mut Trial) -> Result<()> {
    let ways: [&[&str]; 3] = [
        &["unshare", "mount", "--", "bind", "/run/secrets/koney", "/mnt", "--", "read", "/mnt/service_token"],
        &["chroot", "/run/secrets/koney", "--", "read", "/service_token"],
        &["detached", "/run/secrets/koney", "service_token"],
    ];
    let image = t.baited("unarmed")?;
    for words in ways {
        // The next overlay may be given the device number of the last.
        t.scene().unwant_all();
        let pod = t.start(Setup::of(&image)).await?;
        let trap = t.trap(&pod.place(), TOKEN);
        let reader = t.inside(&pod, words).await?;
        t.expect(words[0], [trap.open().by_name().by(&reader).moved()]).await;
        let again = t.inside(&pod, &["read", TOKEN]).await?;
        t.expect("armed now", [trap.open().by_identity().by(&again)]).await;
    }
    Ok(())
}
