//! Moving, removing, replacing and changing the decoy itself.

use std::{fs, os::unix::fs::MetadataExt as _};

use anyhow::{Result, bail, ensure};

use super::{
    scenario::{Scenario, play},
    trial::{SECRET, TOKEN, Trial, text},
};
use crate::container::{Container, Disk, Kind, Place, Process, Setup, Spawn};

const FOLDER: &str = "/run/secrets/koney";
const TAMPERING: &str = "tampering, only opens";

pub(super) const ALL: &[Scenario] = &[
    E7,
    E7.by_crun("E7-crun"),
    Scenario::new("E10", "renamed away, read there, renamed back", play!(e10)),
    Scenario::new("E11", "another file renamed over the decoy, and exchanged with it", play!(e11)),
    E12,
    E12.by_crun("E12-crun"),
    Scenario::new("E19", "open for writing, appending, truncating; truncate by path and by descriptor", play!(e19)),
    Scenario::new("E20", "chmod, chown, setxattr", play!(e20)).not_by_fanotify(TAMPERING),
    Scenario::new("E38", "the decoy's inode number is given to a stranger", play!(e38)),
    Scenario::new("E51", "the same acts on decoys that are in the image's layer only", play!(e51)).not_by_fanotify(TAMPERING),
    Scenario::new("E60", "a symbolic link put at the decoy's path", play!(e60)),
    Scenario::new("E61", "one process makes the folders, the decoy, and reads it, all of which did not exist", play!(e61))
        .not_by_fanotify("what appears before its next look"),
];

const E7: Scenario = Scenario::new("E7", "hard link, then open by it", play!(e7));
const E12: Scenario = Scenario::new("E12", "removed and made again, also with its folder", play!(e12));

async fn e7(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let linker = t.inside(&pod, &["link", TOKEN, "/tmp/other"]).await?;
    t.expect("link", [trap.act("link").by(&linker)]).await;
    let reader = t.inside(&pod, &["read", "/tmp/other"]).await?;
    t.expect("open by the link", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}

async fn e10(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let away = t.inside(&pod, &["rename", TOKEN, "/tmp/x"]).await?;
    t.expect("away", [trap.act("rename").by(&away)]).await;
    let reader = t.inside(&pod, &["read", "/tmp/x"]).await?;
    t.expect("read there", [trap.open().by_identity().by(&reader)]).await;
    let back = t.inside(&pod, &["rename", "/tmp/x", TOKEN]).await?;
    t.expect("back", [trap.act("rename").or("replace").by(&back)]).await;
    t.settle().await;
    t.state(&trap, "armed");
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("read again", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}

async fn e11(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let over = t.inside(&pod, &["create", "/tmp/new", "--", "rename", "/tmp/new", TOKEN, "--", "read", TOKEN]).await?;
    // The reading comes before any look at the path.
    t.expect("over", [trap.act("replace").by(&over), trap.open().by(&over).unseen_by_fanotify()]).await;
    t.settle().await;
    t.state_among(&trap, &["armed", "replaced"]);
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("read what is there now", [trap.open().by_identity().by(&reader)]).await;
    let exchanger = t.inside(&pod, &["create", "/tmp/other", "--", "exchange", "/tmp/other", TOKEN]).await?;
    // One act, and two things happen: the decoy is moved, and another file takes its place.
    t.expect("exchanged", ["rename", "replace"].map(|act| trap.act(act).by(&exchanger))).await;
    t.settle().await;
    let readers = [t.inside(&pod, &["read", TOKEN]).await?, t.inside(&pod, &["read", "/tmp/other"]).await?];
    t.expect("read both", readers.iter().map(|reader| trap.open().by_identity().by(reader))).await;
    Ok(())
}

async fn e12(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let anew = t.inside(&pod, &["unlink", TOKEN, "--", "create", TOKEN]).await?;
    t.expect("made again", [trap.act("unlink").by(&anew), trap.act("create").by(&anew)]).await;
    t.settle().await;
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("read it", [trap.open().by_identity().by(&reader)]).await;
    let words = ["unlink", TOKEN, "--", "rmdir", FOLDER, "--", "mkdir", FOLDER, "--", "create", TOKEN, "--", "read", TOKEN];
    let rebuilder = t.inside(&pod, &words).await?;
    let wants =
        [trap.act("unlink").by(&rebuilder), trap.act("create").by(&rebuilder), trap.open().by(&rebuilder).unseen_by_fanotify()];
    t.expect("rebuilt", wants).await;
    t.settle().await;
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("read that", [trap.open().by_identity().by(&reader)]).await;
    let remover = t.inside(&pod, &["unlink", TOKEN]).await?;
    t.expect("removed for good", [trap.act("unlink").by(&remover)]).await;
    t.settle().await;
    t.state(&trap, "missing");
    Ok(())
}

async fn e19(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    // The first of them copies the decoy up.
    for act in ["write", "append", "rewrite"] {
        let writer = t.inside(&pod, &[act, TOKEN]).await?;
        t.expect(act, [trap.act("write").by_identity().by(&writer)]).await;
    }
    let cutter = t.inside(&pod, &["truncate", TOKEN]).await?;
    t.expect("truncate", [trap.act("truncate").by(&cutter)]).await;
    let cutter = t.inside(&pod, &["ftruncate", TOKEN]).await?;
    t.expect("ftruncate", [trap.act("write").by(&cutter), trap.act("truncate").by(&cutter)]).await;
    Ok(())
}

async fn e20(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    // Copied up, so that only the act itself is there to be seen.
    let writer = t.inside(&pod, &["append", TOKEN]).await?;
    t.expect("append", [trap.act("write").by(&writer)]).await;
    for words in [&["chmod", TOKEN, "0o644"][..], &["chown", TOKEN, "1000"], &["setxattr", TOKEN, "trusted.koney"]] {
        let tamperer = t.inside(&pod, words).await?;
        t.expect(words[0], [trap.act(static_name(words[0])?).by(&tamperer)]).await;
    }
    Ok(())
}

/// Operations are named as the acts are.
fn static_name(act: &str) -> Result<&'static str> {
    const NAMES: [&str; 6] = ["chmod", "chown", "rename", "link", "truncate", "setxattr"];
    match NAMES.into_iter().find(|name| *name == act) {
        Some(name) => Ok(name),
        None => bail!("{act} is no tampering"),
    }
}

async fn e38(t: &mut Trial) -> Result<()> {
    let disk = Disk::mount(Kind::Ext4, &t.path("disk"))?;
    let (decoy, stranger) = (disk.path.join("token"), disk.path.join("stranger"));
    // Before and after the agent has had a look.
    for looked in [false, true] {
        fs::write(&decoy, SECRET)?;
        let number = fs::metadata(&decoy)?.ino();
        let trap = t.armed(&Place::Host, &text(&decoy)).await;
        let remover = t.host(&["unlink", &text(&decoy)]).await?;
        t.expect("unlink", [trap.act("unlink").by(&remover)]).await;
        if looked {
            t.settle().await;
            t.state(&trap, "missing");
        }
        fs::write(&stranger, "nothing to see")?;
        ensure!(fs::metadata(&stranger)?.ino() == number, "ext4 gives the number again");
        t.host(&["read", &text(&stranger)]).await?.end().await?;
        t.quiet("the stranger").await;
        fs::remove_file(&stranger)?;
        t.quiet("the stranger's end").await;
        t.scene().unwant_all();
    }
    Ok(())
}

async fn e51(t: &mut Trial) -> Result<()> {
    let acts: [(&str, &[&str]); 6] = [
        ("chmod", &["0o640"]),
        ("chown", &["1000"]),
        ("rename", &["/tmp/renamed"]),
        ("link", &["/tmp/linked"]),
        ("truncate", &[]),
        ("setxattr", &["trusted.koney"]),
    ];
    let image = t.image("layer")?;
    for (act, _) in acts {
        image.put(&format!("/decoys/{act}"), SECRET)?;
    }
    let pod = t.start(Setup::of(&image)).await?;
    for (act, more) in acts {
        let path = format!("/decoys/{act}");
        let trap = t.armed(&pod.place(), &path).await;
        let tamperer = tamper(&pod, act, &path, more).await?;
        t.expect(act, [trap.act(static_name(act)?).by(&tamperer)]).await;
        t.settle().await;
        t.quiet("arming again").await;
        // The host reads what the copy-up has made.
        let upper =
            if act == "rename" { pod.upper().join("tmp/renamed") } else { pod.upper().join(path.trim_start_matches('/')) };
        let reader = t.host(&["read", &text(upper)]).await?;
        t.expect("the upper file", [trap.open().by_identity().by(&reader)]).await;
    }
    Ok(())
}

async fn tamper(pod: &Container, act: &str, path: &str, more: &[&str]) -> Result<Process> {
    super::trial::done(Spawn::act([&[act, path], more].concat()).inside(pod).await?).await
}

async fn e60(t: &mut Trial) -> Result<()> {
    let image = t.baited("swapped")?;
    image.put("/etc/elsewhere", "nothing to see")?;
    let pod = t.start(Setup::of(&image)).await?;
    let trap = t.armed(&pod.place(), TOKEN).await;
    let swapper = t.inside(&pod, &["unlink", TOKEN, "--", "symlink", "/etc/elsewhere", TOKEN]).await?;
    t.expect("swap", [trap.act("unlink").by(&swapper), trap.act("symlink").by(&swapper)]).await;
    t.settle().await;
    t.state_among(&trap, &["armed", "replaced"]);
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("read through it", [trap.open().by(&reader)]).await;
    Ok(())
}

async fn e61(t: &mut Trial) -> Result<()> {
    const LATE: &str = "/opt/late/deep/decoy_of_e61";
    let image = t.image("late")?;
    let pod = t.start(Setup::of(&image)).await?;
    let trap = t.trap(&pod.place(), LATE);
    t.settle().await;
    t.state(&trap, "missing");
    let maker = t.inside(&pod, &["mkdir", "/opt/late/deep", "--", "create", LATE, "--", "read", LATE]).await?;
    t.expect("made and read", [trap.act("create").by_name().by(&maker), trap.open().by(&maker)]).await;
    Ok(())
}
