//! The same cluster in a virtual machine, whose kernel takes eBPF: there the manifest for such kernels is installed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};

use super::{images, node, servers};
use crate::{
    arch::Arch,
    cli::E2eArgs,
    setup::{self, Needs, Package},
    ui,
    vm::{self, Spec, Verdict},
    workspace,
};

/// What a node is made of besides the cluster's programs; in the guest as on this machine.
const TOOLS: [&str; 13] = [
    "bash",
    "date",
    "mount",
    "umount",
    "openssl",
    "ip",
    "iptables",
    "etcd",
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "runc",
    "nsenter",
];
/// What a network of pods needs in the kernel.
const MODULES: [&str; 8] = ["veth", "bridge", "br_netfilter", "nf_tables", "nft_compat", "nft_chain_nat", "xt_comment", "xt_nat"];
/// What those load by themselves at run time, where it is on Debian.
const LIBRARIES: [&str; 2] = ["/usr/lib/x86_64-linux-gnu/xtables", "/etc/ssl/openssl.cnf"];
const PLUGINS: [&str; 3] = ["bridge", "host-local", "loopback"];
/// Everything is in memory, twice while the guest leaves its first root.
const MEMORY_MIB: u32 = 6144;
const TIMEOUT: Duration = Duration::from_mins(20);
const PROCESSORS: u8 = 2;

/// Boots it, has the story told in it, and says what it said.
pub(super) fn run(story: &Path, kernel: &str, args: &E2eArgs) -> Result<u8> {
    let arch = Arch::here()?;
    if arch != Arch::Amd64 {
        bail!("the cluster's guest is put together on an amd64 machine only");
    }
    let servers = servers::folder()?;
    let bash = Package("bash".to_owned(), "bash".to_owned());
    setup::ensure(&Needs { packages: vec![bash], ..Needs::vm(arch, &[kernel.to_owned()]) })?;
    let folder = workspace::cache()?.join("e2e-guest");
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let archives = images::archives(&folder)?;
    let script = folder.join("node.sh");
    fs::write(&script, node::SCRIPT).context("cannot write the node's script")?;
    let manifest = args.manifest.clone().unwrap_or_else(|| workspace::root().join("deploy/install.yaml"));

    let inside = |name: &str| PathBuf::from("/e2e").join(name);
    let text = |path: &Path| path.display().to_string();
    let mut words = vec!["bash".to_owned(), text(&inside("node.sh")), text(&inside("state")), text(&inside("bin"))];
    let mut files = vec![(script, inside("node.sh")), (servers, inside("bin")), (manifest, inside("install.yaml"))];
    for archive in archives {
        let there = inside("images").join(archive.file_name().unwrap_or_default());
        words.push(text(&there));
        files.push((archive, there));
    }
    let story_there = [text(story), text(&inside("state/kubeconfig")), text(&inside("install.yaml"))];
    words.push("--".to_owned());
    words.extend(story_there);
    words.extend([images::WORKLOAD, node::ADDRESS, "lsm", "/", "old"].map(str::to_owned));

    let mut spec = Spec::new(arch, kernel, words);
    spec.memory_mib = MEMORY_MIB;
    spec.smp = PROCESSORS;
    spec.threads = true;
    spec.timeout = TIMEOUT;
    spec.tools.extend(TOOLS);
    spec.modules.extend(MODULES);
    spec.programs.push(story.to_owned());
    files.extend(LIBRARIES.map(|path| (path.into(), path.into())));
    files.extend(PLUGINS.map(|name| Path::new("/usr/lib/cni").join(name)).map(|path| (path.clone(), path)));
    spec.files = files;
    ui::step(&format!("a real cluster of one node in a virtual machine with kernel {kernel}"));
    match vm::run(&spec, &mut |line| ui::line(line))? {
        Verdict::Exited(status) => Ok(status),
        verdict => bail!("kernel {kernel}: {verdict}"),
    }
}
