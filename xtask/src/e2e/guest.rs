//! A node in a virtual machine, whose kernel takes eBPF; its control plane stays outside.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Result, anyhow};

use super::{
    stage::Stage,
    within::{Node, addresses},
};
use crate::{
    arch::Arch,
    ui,
    vm::{self, Spec, Verdict},
};

/// What a node is made of besides the cluster's programs.
const TOOLS: [&str; 10] =
    ["bash", "date", "mount", "umount", "ip", "iptables", "containerd", "containerd-shim-runc-v2", "ctr", "runc"];
/// What its network and that of its pods need in the kernel.
const MODULES: [&str; 10] = [
    "virtio_net",
    "veth",
    "bridge",
    "br_netfilter",
    "nf_tables",
    "nft_compat",
    "nft_chain_nat",
    "xt_comment",
    "xt_nat",
    "xt_MASQUERADE",
];
/// What iptables loads by itself.
const LIBRARIES: &str = "/usr/lib/x86_64-linux-gnu/xtables";
const PLUGINS: [&str; 3] = ["bridge", "host-local", "loopback"];
/// The API server asks the kubelet at the node's own address, which is this machine's inside the walls.
const NETWORK: &str = "hostfwd=tcp:10.0.2.15:10250-10.0.2.15:10250";
/// Everything is in memory, twice while the guest leaves its first root.
const MEMORY_MIB: u32 = 4096;
const TIMEOUT: Duration = Duration::from_mins(25);
const PROCESSORS: u8 = 2;

/// A machine, and the switch that cuts its power.
pub(super) struct Guest {
    switch: Arc<AtomicBool>,
    machine: Option<JoinHandle<Result<Verdict>>>,
}

impl Guest {
    pub(super) fn start(stage: &Stage, kernel: &str) -> Result<Self> {
        let inside = |name: &str| PathBuf::from("/e2e").join(name);
        let text = |path: &Path| path.display().to_string();
        let (node, api) = addresses(true);
        let mut words = vec!["bash".to_owned(), text(&inside("node.sh"))];
        words.extend([text(&inside("state")), text(&inside("bin")), text(&inside("pki")), api.to_owned(), node.to_owned()]);
        let mut files = vec![
            (stage.state.join("node.sh"), inside("node.sh")),
            (stage.servers.join("kubelet"), inside("bin/kubelet")),
            (LIBRARIES.into(), LIBRARIES.into()),
        ];
        files.extend(
            ["ca.crt", "kubelet.crt", "kubelet.key", "kubelet.kubeconfig"]
                .map(|name| (stage.state.join("pki").join(name), inside("pki").join(name))),
        );
        files.extend(PLUGINS.map(|name| Path::new("/usr/lib/cni").join(name)).map(|path| (path.clone(), path)));
        for archive in &stage.images {
            let there = inside("images").join(archive.file_name().unwrap_or_default());
            words.push(text(&there));
            files.push((archive.clone(), there));
        }
        let mut spec = Spec::new(Arch::here()?, kernel, words);
        let switch = Arc::new(AtomicBool::new(false));
        spec.memory_mib = MEMORY_MIB;
        spec.smp = PROCESSORS;
        spec.threads = true;
        spec.timeout = TIMEOUT;
        spec.network = Some(NETWORK);
        spec.switch = Some(Arc::clone(&switch));
        spec.tools.extend(TOOLS);
        spec.modules.extend(MODULES);
        spec.files = files;
        let machine = std::thread::spawn(move || vm::run(&spec, &mut |line| ui::line(line)));
        Ok(Self { switch, machine: Some(machine) })
    }

    fn verdict(&mut self) -> Result<Verdict> {
        let machine = self.machine.take().ok_or_else(|| anyhow!("it was asked before"))?;
        // What it panicked with it has said itself.
        machine.join().unwrap_or_else(|_panic| Err(anyhow!("its watcher has panicked")))
    }
}

impl Node for Guest {
    fn ended(&mut self) -> Option<String> {
        let ended = self.machine.as_ref().is_none_or(JoinHandle::is_finished);
        ended.then(|| {
            self.verdict().map_or_else(|error| format!("has ended: {error:#}"), |verdict| format!("has ended: {verdict}"))
        })
    }

    fn cut(mut self: Box<Self>) -> Result<()> {
        self.switch.store(true, Ordering::Relaxed);
        self.verdict().map(drop)
    }
}
