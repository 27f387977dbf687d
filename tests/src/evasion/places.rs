//! From elsewhere: the host, a neighbour, a namespace of the intruder's own; and those who are nobody's business.

use anyhow::Result;

use super::{
    scenario::{Scenario, play},
    trial::{TOKEN, Trial, done, text},
};
use crate::container::{Setup, Spawn};

/// Files of a decoy's name in a container that no policy selects.
const NAMESAKES: u64 = 5_000;

pub(super) const ALL: &[Scenario] = &[
    E24,
    E24.by_crun("E24-crun"),
    E25,
    E25.by_crun("E25-crun"),
    Scenario::new("E26", "copied up after arming, then the host reads the new upper file", play!(e26)),
    Scenario::new("E27", "a neighbour reads through a shared volume, and through /proc/PID/root", play!(e27)),
    E28,
    E28.by_crun("E28-crun"),
    Scenario::new("E41", "new user, mount and pid namespaces inside the container", play!(e41)),
    Scenario::new("E63", "what a thread opens and changes after it touched a decoy is none", play!(e63)),
    Scenario::new("E49", "a sidecar that is not selected opens a shared decoy before it is armed", play!(e49)),
    Scenario::new("E50", "5,000 files of the decoy's name, made and read in a container that is not selected", play!(e50)),
    E52,
    E52.by_crun("E52-crun"),
    Scenario::new("E59", "an overlay of the intruder's own over the decoy's folder: read, and copied up by chmod", play!(e59))
        .since(5, 11)
        .not_by_fanotify("what an overlay opens behind its own files"),
];

const E24: Scenario =
    Scenario::new("E24", "the host reads through /proc/PID/root, and in the runtime's merged folder", play!(e24));
const E25: Scenario = Scenario::new("E25", "the host reads the upper file, and the volume's own file", play!(e25));
const E28: Scenario = Scenario::new("E28", "another container of the image uses its own copy of the path", play!(e28));
const E52: Scenario =
    Scenario::new("E52", "first act in a new container: mv decoy x; cat x", play!(e52)).not_by_fanotify("what is not armed yet");

async fn e24(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let by_root = t.host(&["read", &text(pod.root().join(TOKEN.trim_start_matches('/')))]).await?;
    let merged = t.host(&["read", &text(pod.merged().join(TOKEN.trim_start_matches('/')))]).await?;
    t.expect("from the host", [trap.open().by_identity().by(&by_root), trap.open().by_identity().by(&merged)]).await;
    Ok(())
}

async fn e25(t: &mut Trial) -> Result<()> {
    let image = t.image("written")?;
    let volume = t.plant("volumes/secret/token")?;
    let pod = t.start(Setup::of(&image).volume(&t.path("volumes/secret"), "/data")).await?;
    t.inside(&pod, &["mkdir", "/run/secrets/koney", "--", "create", TOKEN]).await?.end().await?;
    let (written, mounted) = (t.armed(&pod.place(), TOKEN).await, t.armed(&pod.place(), "/data/token").await);
    let upper = t.host(&["read", &text(pod.upper().join(TOKEN.trim_start_matches('/')))]).await?;
    t.expect("the upper file", [written.open().by_identity().by(&upper).unseen_by_fanotify()]).await;
    let file = t.host(&["read", &volume]).await?;
    t.expect("the volume's file", [mounted.open().by_identity().by(&file)]).await;
    Ok(())
}

async fn e26(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let writer = t.inside(&pod, &["append", TOKEN]).await?;
    t.expect("copied up", [trap.act("write").by_identity().by(&writer)]).await;
    let reader = t.host(&["read", &text(pod.upper().join(TOKEN.trim_start_matches('/')))]).await?;
    t.expect("the new upper file", [trap.open().by_identity().by(&reader).unseen_by_fanotify()]).await;
    Ok(())
}

async fn e27(t: &mut Trial) -> Result<()> {
    t.plant("shared/token")?;
    let (image, shared) = (t.image("shared")?, t.path("shared"));
    let ours = t.start(Setup::of(&image).volume(&shared, "/data")).await?;
    let sibling = t.start(Setup::of(&image).volume(&shared, "/shared")).await?;
    let close = t.start(Setup { pids_of: Some(ours.pid), ..Setup::of(&image) }).await?;
    let trap = t.armed(&ours.place(), "/data/token").await;
    let by_volume = t.inside(&sibling, &["read", "/shared/token"]).await?;
    t.expect("the shared volume", [trap.open().by_identity().by(&by_volume)]).await;
    let by_root = t.inside(&close, &["read", "/proc/1/root/data/token"]).await?;
    t.expect("/proc/1/root", [trap.open().by_identity().by(&by_root)]).await;
    Ok(())
}

async fn e28(t: &mut Trial) -> Result<()> {
    let (ours, trap) = t.usual().await?;
    let image = t.image("usual")?;
    let other = t.start(Setup::of(&image)).await?;
    t.inside(&other, &["read", TOKEN, "--", "chmod", TOKEN, "0o644", "--", "append", TOKEN, "--", "unlink", TOKEN])
        .await?
        .end()
        .await?;
    t.quiet("the other one's own copy").await;
    let reader = t.inside(&ours, &["read", TOKEN]).await?;
    t.expect("ours", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}

async fn e41(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let parent = t.inside(&pod, &["unshare", "user", "mount", "pid", "--", "child", "--", "read", TOKEN]).await?;
    t.expect("namespaces of its own", [trap.open().by_identity().whoever().from(Some(&pod.id)).gone()]).await;
    parent.end().await
}

async fn e63(t: &mut Trial) -> Result<()> {
    let image = t.baited("after")?;
    for other in ["/etc/read", "/etc/changed", "/etc/moved"] {
        image.put(other, "nothing to see")?;
    }
    let (pod, sidecar) = (t.start(Setup::of(&image)).await?, t.start(Setup::of(&image)).await?);
    let trap = t.armed(&pod.place(), TOKEN).await;
    let words = [
        "read",
        TOKEN,
        "--",
        "read",
        "/etc/read",
        "--",
        "chmod",
        "/etc/changed",
        "0o640",
        "--",
        "rename",
        "/etc/moved",
        "/etc/away",
    ];
    let busy = t.inside(&pod, &words).await?;
    t.expect("the decoy", [trap.open().by_identity().by(&busy)]).await;
    for other in ["/etc/read", "/etc/changed", "/etc/moved"] {
        t.inside(&sidecar, &["read", other]).await?.end().await?;
    }
    for other in ["etc/changed", "etc/away"] {
        t.host(&["read", &text(pod.upper().join(other))]).await?.end().await?;
    }
    t.quiet("other files of the image, by anyone").await;
    Ok(())
}

async fn e49(t: &mut Trial) -> Result<()> {
    t.plant("shared/token")?;
    let (image, shared) = (t.image("sidecar")?, t.path("shared"));
    let selected = t.start(Setup::of(&image).volume(&shared, "/data")).await?;
    let sidecar = t.start(Setup::of(&image).volume(&shared, "/data")).await?;
    let trap = t.trap(&selected.place(), "/data/token");
    let first = t.inside(&sidecar, &["read", "/data/token"]).await?;
    let second = t.inside(&selected, &["read", "/data/token"]).await?;
    // Whether the sidecar's open is told hangs on whether the file was known as a decoy by then; the other one must be.
    let wants = [trap.open().by(&first).maybe().unseen_by_fanotify(), trap.open().by(&second).unseen_by_fanotify()];
    t.expect("before it is armed", wants).await;
    t.settle().await;
    let again = t.inside(&selected, &["read", "/data/token"]).await?;
    t.expect("armed", [trap.open().by_identity().by(&again)]).await;
    Ok(())
}

async fn e50(t: &mut Trial) -> Result<()> {
    let (ours, trap) = t.usual().await?;
    let image = t.image("crowded")?;
    let other = t.start(Setup::of(&image)).await?;
    let mut filler = Spawn::act(["fill", "/tmp/many", &NAMESAKES.to_string(), "service_token"]).inside(&other).await?;
    let told = t.meanwhile(&mut filler).await?;
    t.compare("namesakes", [], told);
    t.nothing_dropped();
    // Unarmed once more, so that it takes the check by name.
    let anew = t.inside(&ours, &["unlink", TOKEN, "--", "create", TOKEN]).await?;
    t.expect("made again", [trap.act("unlink").by(&anew), trap.act("create").by(&anew)]).await;
    t.settle().await;
    let reader = t.inside(&ours, &["read", TOKEN]).await?;
    t.expect("read", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}

async fn e52(t: &mut Trial) -> Result<()> {
    let image = t.baited("new")?;
    let pod = t.start(Setup::of(&image)).await?;
    let trap = t.trap(&pod.place(), TOKEN);
    let mover = t.inside(&pod, &["rename", TOKEN, "/tmp/x", "--", "read", "/tmp/x"]).await?;
    t.expect("moved and read", [trap.act("rename").by_name().by(&mover), trap.open().by(&mover)]).await;
    Ok(())
}

async fn e59(t: &mut Trial) -> Result<()> {
    t.plant("decoys/token")?;
    let (lower, stage, merged) = (t.text("decoys"), t.dir("stage")?, t.dir("merged")?);
    let trap = t.armed(&crate::container::Place::Host, &t.text("decoys/token")).await;
    let (stage, merged) = (text(stage), text(merged));
    let token = format!("{merged}/token");
    for act in [&["read", &token][..], &["chmod", &token, "0o600"]] {
        let words = [&["unshare", "user", "mount", "--", "overlay", &lower, &stage, &merged, "--"], act].concat();
        let intruder = done(Spawn::act(words).on_host()?).await?;
        // To copy it up is to read it: the copy is the intruder's.
        t.expect(act[0], [trap.open().or("chmod").by(&intruder)]).await;
    }
    Ok(())
}
