//! Moving, removing, replacing and changing the decoy itself.

use anyhow::Result;

use super::{
    scenario::{Scenario, play},
    trial::{TOKEN, Trial},
};

const FOLDER: &str = "/run/secrets/koney";
pub(super) const TAMPERING: &str = "tampering, only opens";

pub(super) const ALL: &[Scenario] = &[
    E7,
    E7.by_crun("E7-crun"),
    Scenario::new("E10", "renamed away, read there, renamed back", play!(e10)),
    Scenario::new("E11", "another file renamed over the decoy, and exchanged with it", play!(e11)),
    E12,
    E12.by_crun("E12-crun"),
    Scenario::new("E19", "open for writing, appending, truncating; truncate by path and by descriptor", play!(e19)),
    Scenario::new("E20", "chmod, chown, setxattr", play!(e20)).not_by_fanotify(TAMPERING),
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
    for (act, more) in [("chmod", "0o644"), ("chown", "1000"), ("setxattr", "trusted.koney")] {
        let tamperer = t.inside(&pod, &[act, TOKEN, more]).await?;
        t.expect(act, [trap.act(act).by(&tamperer)]).await;
    }
    Ok(())
}
