//! The programs of a real cluster. No package ships them; the distribution's source package builds into them, once, into the cache.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    arch::Arch,
    process,
    setup::{self, Needs, Package, PrivateApt, put_in_place},
    ui, workspace,
};

/// The source package.
const SOURCE: &str = "kubernetes";
/// What is built of it.
const PROGRAMS: [&str; 5] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl"];
/// A library that comes with the sources in a version of before Go 1.18, whose maps it reads wrongly: API servers then lose texts of custom
/// resources, and end.
const NEWER: (&str, &str) = ("golang-github-modern-go-reflect2-dev", "github.com/modern-go/reflect2");
/// Go's compiler, of the version with which the distribution builds it.
const GO: &str = "/usr/lib/go-1.19/bin";

/// What a node runs besides, from packages.
fn packages() -> Vec<Package> {
    let package = |name: &str, file: &str| Package(name.to_owned(), file.to_owned());
    vec![
        package("etcd-server", "/usr/bin/etcd"),
        package("containerd", "/usr/bin/containerd"),
        package("runc", "runc"),
        package("containernetworking-plugins", "/usr/lib/cni/bridge"),
        package("iptables", "iptables"),
        package("iproute2", "ip"),
        package("openssl", "openssl"),
        package("busybox-static", "busybox"),
        package("util-linux", "unshare"),
    ]
}

/// What it takes to build the programs.
fn builders() -> Vec<Package> {
    [("golang-1.19-go", "/usr/lib/go-1.19/bin/go"), ("rsync", "rsync"), ("dpkg-dev", "dpkg-source"), ("make", "make")]
        .map(|(name, file)| Package(name.to_owned(), file.to_owned()))
        .into()
}

/// The folder of the programs, built if they are not there.
pub(super) fn folder() -> Result<PathBuf> {
    setup::ensure(&Needs { packages: packages(), ..Needs::default() })?;
    let place = workspace::cache()?.join("tools/kubernetes");
    if PROGRAMS.iter().all(|program| place.join(program).is_file()) {
        return Ok(place);
    }
    setup::ensure(&Needs { packages: builders(), ..Needs::default() })?;
    ui::step("setup: building the programs of a cluster takes six minutes on two cores, once");
    let work = place.with_extension("build");
    if work.exists() {
        fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    }
    fs::create_dir_all(&work).with_context(|| format!("cannot create {}", work.display()))?;
    build(&source(&work)?, &work)?;
    let draft = place.with_extension("draft");
    fs::create_dir_all(&draft).with_context(|| format!("cannot create {}", draft.display()))?;
    for program in PROGRAMS {
        let built = work.join("kubernetes/_output/bin").join(program);
        fs::copy(&built, draft.join(program)).with_context(|| format!("{} was not built", built.display()))?;
    }
    fs::remove_dir_all(&work).with_context(|| format!("cannot remove {}", work.display()))?;
    put_in_place(&draft, &place)?;
    Ok(place)
}

fn source(work: &Path) -> Result<PathBuf> {
    let apt = PrivateApt::sources(Arch::here()?)?;
    process::run(apt.command("apt-get").args(["source", "--download-only", "-q", SOURCE]).current_dir(work))?;
    let described = fs::read_dir(work).context("cannot list what apt has fetched")?.flatten().map(|entry| entry.path());
    let described = described.filter(|path| path.extension().is_some_and(|extension| extension == "dsc")).max();
    let described = described.with_context(|| format!("apt has fetched no source of {SOURCE}"))?;
    let tree = work.join("kubernetes");
    process::run(Command::new("dpkg-source").arg("--extract").arg(described).arg(&tree))?;
    let newer = work.join("newer");
    apt.unpack(&[NEWER.0.to_owned()], &newer)?;
    let vendored = tree.join("vendor").join(NEWER.1);
    fs::remove_dir_all(&vendored).with_context(|| format!("cannot remove {}", vendored.display()))?;
    process::run(Command::new("cp").arg("-r").arg(newer.join("usr/share/gocode/src").join(NEWER.1)).arg(&vendored))?;
    Ok(tree)
}

/// As the package's own rules build it.
fn build(tree: &Path, work: &Path) -> Result<()> {
    let parent = work.join("go/src/k8s.io");
    fs::create_dir_all(&parent).with_context(|| format!("cannot create {}", parent.display()))?;
    std::os::unix::fs::symlink(tree, parent.join("kubernetes")).context("cannot link the sources")?;
    let what = PROGRAMS.map(|program| format!("cmd/{program}")).join(" ");
    let mut make = Command::new("make");
    make.current_dir(parent.join("kubernetes"))
        .arg(format!("WHAT={what}"))
        .env("PATH", super::path_with(Path::new(GO))?)
        .env("GOPATH", work.join("go"))
        .env("GOCACHE", work.join("cache"))
        .env("HOME", work)
        .env("GO111MODULE", "off")
        .env("CGO_ENABLED", "0");
    process::run(&mut make)
}
