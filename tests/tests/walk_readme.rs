//! A newcomer's walk from a clone to a seen alert, and on to a sink: the commands of README.md and docs/getting-started.md, as they
//! stand, in a fresh clone, and those of the pages that are read after them. It needs root, git and fanotify or eBPF.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent,
    stage::skip,
    walk::{self, Block, Cluster, How},
};

const DOCUMENTS: [&str; 5] =
    ["README.md", "docs/getting-started.md", "docs/command-line.md", "docs/upgrade-and-uninstall.md", "docs/supply-chain.md"];

/// What the text says, and what is typed instead: the repository is this one, and no test waits for a release build.
const INSTEAD: [(&str, &str); 3] = [
    ("URL-OF-THIS-REPOSITORY", "\"$CHECKOUT\""),
    ("cargo build --release --package koney-agent", "cargo build --bin koney-agent"),
    ("target/release/", "target/debug/"),
];

/// Folders that the walk changes: within its walls, over what the machine has there.
const WALLS: &str = r#"
ip link set lo up
mount -t tmpfs none "$WALK/layers"
for folder in /etc /srv /usr/local /var/lib; do
    layer="$WALK/layers$folder"
    mkdir -p "$layer"/upper "$layer"/work
    mount -t overlay overlay -o "lowerdir=$folder,upperdir=$layer/upper,workdir=$layer/work" "$folder"
done
# Programs that agents of this machine have pinned are none of the walk's business.
if [ -d /sys/fs/bpf ]; then mount -t bpf none /sys/fs/bpf || mount -t tmpfs none /sys/fs/bpf; fi
cd "$WALK"
exec bash "$WALK/walk.sh"
"#;

fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("").components().collect()
}

fn blocks() -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    for name in DOCUMENTS {
        let text = fs::read_to_string(checkout().join(name)).with_context(|| format!("read {name}"))?;
        blocks.extend(walk::blocks(name, &text)?);
    }
    Ok(blocks)
}

/// Why this machine cannot be walked on.
fn lacks() -> Result<Option<String>> {
    let unshare =
        Command::new("unshare").args(["--mount", "--net", "--pid", "--fork", "true"]).output().context("start unshare")?;
    if !unshare.status.success() {
        return Ok(Some(String::from_utf8_lossy(&unshare.stderr).trim().to_owned()));
    }
    let probe = |method| {
        Command::new(agent::program()?).args(["probe", "--attach", method]).stdin(Stdio::null()).output().context("probe")
    };
    let (any, fanotify) = (probe("auto")?, probe("fanotify")?);
    let able = any.status.success() || fanotify.status.success();
    Ok((!able).then(|| String::from_utf8_lossy(&fanotify.stdout).trim().to_owned()))
}

/// The clone's target folder begins with what is built of other crates already, which is not what the walk is about. Hard links: what
/// the clone builds anew are files of its own.
fn seed(clone_target: &Path) -> Result<()> {
    let test = env::current_exe().context("the path of this test")?;
    let profile = test.ancestors().nth(2).context("a test lies in target/PROFILE/deps")?;
    let target = profile.parent().context("a profile lies in target/")?;
    let parts = ["debug/deps", "debug/build", "debug/.fingerprint", "ebpf-build"];
    for part in parts.iter().filter(|part| target.join(part).is_dir()) {
        let to = clone_target.join(part);
        fs::create_dir_all(to.parent().context("a part lies in target/")?)?;
        let copied = Command::new("cp").arg("-al").arg(target.join(part)).arg(&to).status().context("start cp")?;
        ensure!(copied.success(), "cp -al of {part} failed");
    }
    Ok(())
}

#[test]
fn from_a_clone_to_a_seen_alert_and_to_a_sink_by_the_text_alone() -> Result<()> {
    let test = "from_a_clone_to_a_seen_alert_and_to_a_sink_by_the_text_alone";
    if let Some(reason) = lacks()? {
        return Ok(skip(test, &reason)?);
    }
    let mut blocks = blocks()?;
    for block in &mut blocks {
        for (said, instead) in INSTEAD {
            block.commands = block.commands.replace(said, instead);
        }
        if let How::Not(reason) = &block.how {
            skip(&format!("block {}", block.place), reason)?;
        }
    }
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).context("make a folder for the walk")?;
    fs::create_dir(folder.path().join("layers"))?;
    // The clone is made by the text itself; what is put into it before git may see it is moved in behind the first command.
    seed(&folder.path().join("seed"))?;
    let script = walk::script(&blocks);
    let clone = "git clone \"$CHECKOUT\" koney\n";
    ensure!(script.matches(clone).count() == 1, "the text clones once");
    let script = script.replace(clone, &format!("{clone}mv \"$WALK\"/seed koney/target\n"));
    fs::write(folder.path().join("walk.sh"), script)?;

    let mut walk = Command::new("unshare");
    walk.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--mount-proc",
        "--propagation",
        "private",
        "bash",
        "-euc",
        WALLS,
    ]);
    // What cargo and this test's caller have set is not what a newcomer has.
    for (name, _) in env::vars_os() {
        let known = name.to_string_lossy();
        let ours = ["KONEY_", "CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|prefix| known.starts_with(prefix));
        if ours || known == "CARGO_TARGET_DIR" {
            walk.env_remove(&name);
        }
    }
    walk.env_remove("LD_LIBRARY_PATH").env("CARGO_NET_OFFLINE", "true").env("WALK", folder.path()).env("CHECKOUT", checkout());
    // A clone of somebody else's checkout is a clone all the same.
    walk.env("GIT_CONFIG_COUNT", "1").env("GIT_CONFIG_KEY_0", "safe.directory").env("GIT_CONFIG_VALUE_0", "*");
    let output = walk.stdin(Stdio::null()).output().context("start the walk")?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{}: {said}{}", output.status, String::from_utf8_lossy(&output.stderr));
    let walked = blocks.iter().filter(|block| matches!(block.how, How::Run(_) | How::Leave(_))).count();
    assert_eq!(said.lines().filter(|line| line.starts_with("walk: ")).count(), walked, "{said}");
    ensure!(walked >= 10, "{walked} blocks are no walk");
    Ok(())
}

#[test]
fn what_takes_a_cluster_names_what_is_there() -> Result<()> {
    let cluster = Cluster::of(&checkout())?;
    let blocks: Vec<_> = blocks()?.into_iter().filter(|block| block.how == How::Cluster).collect();
    for block in &blocks {
        cluster.check(&block.commands).with_context(|| block.place.clone())?;
    }
    ensure!(blocks.len() >= 4, "{} blocks", blocks.len());
    Ok(())
}

#[test]
fn the_manifests_of_the_documents_are_valid() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut manifests = 0;
    for name in ["docs/getting-started.md", "docs/policies.md"] {
        let text = fs::read_to_string(checkout().join(name)).with_context(|| format!("read {name}"))?;
        for part in text.split("\n```yaml\n").skip(1) {
            let (manifest, _) = part.split_once("\n```").with_context(|| format!("{name}: a block has no end"))?;
            let path = folder.path().join(format!("{manifests}.yaml"));
            fs::write(&path, manifest)?;
            let checked = Command::new(agent::program()?).args(["validate", "--strict"]).arg(&path).output()?;
            ensure!(checked.status.success(), "{name}:\n{manifest}\n{}", String::from_utf8_lossy(&checked.stdout));
            manifests += 1;
        }
    }
    ensure!(manifests >= 3, "{manifests} manifests");
    Ok(())
}
