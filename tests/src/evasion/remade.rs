//! What comes in the decoy's place, and the decoy that comes late.

use std::{fs, os::unix::fs::MetadataExt as _};

use anyhow::{Result, ensure};

use super::{
    scenario::{Scenario, play},
    tampering::TAMPERING,
    trial::{SECRET, TOKEN, Trial, text},
};
use crate::container::{Disk, Kind, Place, Setup};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new("E38", "the decoy's inode number is given to a stranger", play!(e38)),
    Scenario::new("E51", "the same acts on decoys that are in the image's layer only", play!(e51)).not_by_fanotify(TAMPERING),
    Scenario::new("E60", "a symbolic link, a hard link, a folder put at the decoy's path", play!(e60)),
    Scenario::new("E61", "one process makes the folders, the decoy, and reads it, all of which did not exist", play!(e61))
        .not_by_fanotify("what appears before its next look"),
    Scenario::new("E62", "the decoy's folder is moved away, and one made elsewhere is moved to its place", play!(e62)),
];

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
    let acts: [(&'static str, &[&str]); 6] = [
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
        let tamperer = t.inside(&pod, &[&[act, &path], more].concat()).await?;
        t.expect(act, [trap.act(act).by(&tamperer)]).await;
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

    let linker = t.inside(&pod, &["unlink", TOKEN, "--", "create", "/tmp/other", "--", "link", "/tmp/other", TOKEN]).await?;
    // The symbolic link itself is no decoy, but it stands at its path.
    t.expect("hard link", [trap.act("unlink").by(&linker).maybe(), trap.act("replace").or("link").by(&linker)]).await;
    t.settle().await;
    t.state_among(&trap, &["armed", "replaced"]);
    let reader = t.inside(&pod, &["read", "/tmp/other"]).await?;
    t.expect("read by its other name", [trap.open().by_identity().by(&reader)]).await;

    let maker = t.inside(&pod, &["unlink", TOKEN, "--", "mkdir", TOKEN]).await?;
    t.expect("folder", [trap.act("unlink").by(&maker)]).await;
    t.settle().await;
    t.state(&trap, "unsupported");
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

async fn e62(t: &mut Trial) -> Result<()> {
    const FOLDER: &str = "/run/secrets/koney";
    let (pod, trap) = t.usual().await?;
    // Its folder is new, so that an overlay lets it be moved.
    t.inside(&pod, &["mkdir", "/tmp/theirs", "--", "create", "/tmp/theirs/service_token"]).await?.end().await?;
    t.quiet("a file of the decoy's name elsewhere").await;
    let words = ["unlink", TOKEN, "--", "rmdir", FOLDER, "--", "rename", "/tmp/theirs", FOLDER];
    let mover = t.inside(&pod, &words).await?;
    t.expect("out of the way", [trap.act("unlink").by(&mover)]).await;
    t.settle().await;
    t.state_among(&trap, &["armed", "replaced"]);
    let reader = t.inside(&pod, &["read", TOKEN]).await?;
    t.expect("what stands there now", [trap.open().by_identity().by(&reader)]).await;
    let mover = t.inside(&pod, &["rename", FOLDER, "/tmp/away", "--", "read", "/tmp/away/service_token"]).await?;
    t.expect("moved with its folder", [trap.open().by_identity().by(&mover)]).await;
    t.settle().await;
    t.state(&trap, "missing");
    Ok(())
}
