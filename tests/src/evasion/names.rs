//! By another name: the file is the same.

use std::{fs, os::unix::fs::symlink};

use anyhow::Result;

use super::{
    scenario::{Scenario, play},
    trial::{TOKEN, Trial},
};
use crate::container::Setup;

pub(super) const ALL: &[Scenario] = &[
    E1,
    E1.by_crun("E1-crun"),
    Scenario::new("E2", "open without a read", play!(e2)),
    Scenario::new("E3", "relative path, `..`, `//`, /proc/self/root", play!(e3)),
    Scenario::new("E4", "symbolic link to the file, and to a folder above it", play!(e4)),
    Scenario::new("E5", "the trap's path goes through a symbolic link", play!(e5)),
    Scenario::new("E6", "absolute symbolic link at the trap's path, the host has a file of that name", play!(e6)),
    Scenario::new("E9", "chroot into the folder", play!(e9)),
    Scenario::new("E15", "descriptor of the path only, then reopened through /proc/self/fd", play!(e15)),
];

const E1: Scenario = Scenario::new("E1", "open and read by the exact path", play!(e1));

async fn e1(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    t.quiet("arming").await;
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("read", [trap.open().by_identity().by(&reader)]).await;
    reader.end().await
}

async fn e2(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let opener = t.inside(&pod, &["open", TOKEN]).await?;
    t.expect("open", [trap.open().by_identity().by(&opener)]).await;
    Ok(())
}

async fn e3(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let relative = t.inside(&pod, &["cd", "/run/secrets/koney", "--", "read", "service_token"]).await?;
    let crooked = t.inside(&pod, &["read", "/run/./secrets//koney/../koney/service_token"]).await?;
    let by_root = t.inside(&pod, &["read", "/proc/self/root/run/secrets/koney/service_token"]).await?;
    let wants = [
        trap.open().by_identity().by(&relative).cwd("/run/secrets/koney"),
        trap.open().by_identity().by(&crooked),
        trap.open().by_identity().by(&by_root),
    ];
    t.expect("three ways to write it", wants).await;
    Ok(())
}

async fn e4(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let to_file = t.inside(&pod, &["symlink", TOKEN, "/tmp/link", "--", "read", "/tmp/link"]).await?;
    let to_folder =
        t.inside(&pod, &["symlink", "/run/secrets", "/tmp/dir", "--", "read", "/tmp/dir/koney/service_token"]).await?;
    t.expect("symbolic links", [trap.open().by_identity().by(&to_file), trap.open().by_identity().by(&to_folder)]).await;
    Ok(())
}

async fn e5(t: &mut Trial) -> Result<()> {
    let image = t.baited("linked")?;
    let pod = t.start(Setup::of(&image)).await?;
    let path = "/var/run/secrets/koney/service_token";
    let trap = t.armed(&pod.place(), path).await;
    let by_link = t.inside(&pod, &["read", path]).await?;
    let by_target = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("by either name", [trap.open().by(&by_link), trap.open().by(&by_target)]).await;
    Ok(())
}

async fn e6(t: &mut Trial) -> Result<()> {
    const TARGET: &str = "/etc/koney-evasion-target";
    let image = t.image("absolute")?;
    image.put(TARGET, "inside")?;
    fs::create_dir_all(image.path("/run/secrets/koney"))?;
    symlink(TARGET, image.path(TOKEN))?;
    let pod = t.start(Setup::of(&image)).await?;
    fs::write(TARGET, "on the host")?;
    let trap = t.armed(&pod.place(), TOKEN).await;
    let stranger = t.host(&["read", TARGET]).await?;
    t.quiet("the host's own file").await;
    stranger.end().await?;
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("read inside", [trap.open().by(&reader)]).await;
    fs::remove_file(TARGET)?;
    Ok(())
}

async fn e9(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let reader = t.inside(&pod, &["chroot", "/run/secrets/koney", "--", "read", "/service_token"]).await?;
    // Its program is outside of its new root, where it has no name of its own.
    t.expect("chroot", [trap.open().by_identity().by(&reader).moved()]).await;
    Ok(())
}

async fn e15(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let looker = t.inside(&pod, &["path-only", TOKEN]).await?;
    t.quiet("a descriptor of the path").await;
    looker.end().await?;
    let reader = t.inside(&pod, &["path-reopen", TOKEN]).await?;
    t.expect("reopened", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}
