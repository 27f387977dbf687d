//! Who it was: however short its life and whatever it calls itself.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
};

use anyhow::{Result, ensure};

use super::{
    scenario::{Scenario, play},
    trial::{TOKEN, Trial, done},
    want::Trap,
};
use crate::container::{Place, Spawn};

pub(super) const ALL: &[Scenario] = &[
    Scenario::new("E31", "processes that live for a millisecond", play!(e31)),
    Scenario::new("E32", "arguments of 128 KiB, not UTF-8, markup, control characters", play!(e32)),
    Scenario::new("E33", "arguments with a marker that once silenced alerts", play!(e33)),
    Scenario::new("E42", "two policies on one file", play!(e42)),
];

async fn e31(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let mut wants = Vec::new();
    for _ in 0..5 {
        let mut cat = Spawn::program(["cat", TOKEN]).inside(&pod).await?;
        ensure!(cat.exit().await? == Some(0), "cat ended well");
        wants.push(trap.open().by_identity().by(&cat).binary("/bin/busybox").gone());
    }
    t.expect("cat", wants).await;
    Ok(())
}

async fn e32(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let long = OsString::from("x".repeat(128 * 1024 - 1));
    let hostile: [&[u8]; 5] = [b"\xff\xfe\n\"'\\", b"[red]\x1b[31m", b"<script>alert(1)</script>", b"", b"\x01\x7f\r"];
    let hostile: Vec<_> = hostile.into_iter().map(|bytes| OsStr::from_bytes(bytes).to_owned()).collect();
    let words = |more: &[OsString]| {
        ["read", TOKEN, "--", "pass"].map(OsString::from).into_iter().chain(more.to_vec()).collect::<Vec<_>>()
    };
    let reader = done(Spawn::act(words(&hostile)).inside(&pod).await?).await?;
    t.expect("hostile", [trap.open().by_identity().by(&reader)]).await;
    let reader = done(Spawn::act(words(&[long])).inside(&pod).await?).await?;
    let told = t.scene().told().await;
    // Cut, and all of what came before is there.
    let whole = reader.words.iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let fits = told
        .iter()
        .filter_map(|told| told.arguments.as_ref())
        .all(|told| told.len() == whole.len() && whole.iter().zip(told).all(|(whole, told)| whole.starts_with(told.as_str())));
    if !fits {
        t.wrong("long arguments do not begin as they are");
    }
    t.compare("long", [trap.open().by_identity().by(&reader).whatever_arguments()], told);
    Ok(())
}

async fn e33(t: &mut Trial) -> Result<()> {
    let (pod, trap) = t.usual().await?;
    let reader = t.inside(&pod, &["read", TOKEN, "--", "pass", "KONEY_FINGERPRINT_1337", "--help"]).await?;
    t.expect("marked", [trap.open().by_identity().by(&reader)]).await;
    Ok(())
}

async fn e42(t: &mut Trial) -> Result<()> {
    let path = t.plant("token")?;
    let both: [Trap; 2] = [t.trap(&Place::Host, &path), t.trap(&Place::Host, &path)];
    t.settle().await;
    let reader = t.host(&["read", &path]).await?;
    t.expect("both", both.iter().map(|trap| trap.open().by_identity().by(&reader))).await;
    Ok(())
}
