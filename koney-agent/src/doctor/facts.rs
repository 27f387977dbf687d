//! Everything the findings are drawn from, read once.

use std::path::{Path, PathBuf};

use super::{
    cluster::Cluster,
    machine::{self, Cgroups, Privilege, Security},
};
use crate::{
    cluster::{Snapshot, api::connect, manifests},
    kernel::{self, Environment, KernelError, Method, Trial, fanotify},
};

/// What the user asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// A folder of manifests to look at as well.
    pub manifests: Option<PathBuf>,
    /// How to reach a cluster to look at as well; in a pod, that of its service account is.
    pub kubeconfig: Option<PathBuf>,
    /// The agent's namespace: only its sinks and Secrets count.
    pub namespace: String,
}

/// What stands before all attach methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked(pub String);

/// The machine as it is now.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Release, LSM and preemption as the detector sees them.
    pub environment: Environment,
    /// The eBPF object is in this binary.
    pub has_programs: bool,
    /// Members of [`koney_common::Offsets`] that are not known, or why none is.
    pub absent_members: Result<Vec<&'static str>, String>,
    /// What this process may do.
    pub privilege: Privilege,
    /// What the kernel's security modules say.
    pub security: Security,
    /// `/proc/sys/kernel/unprivileged_bpf_disabled`.
    pub unprivileged_bpf: Option<String>,
    /// What each attach method came to.
    pub trials: Result<Vec<Trial>, Blocked>,
    /// The attach method that `run --attach auto` takes.
    pub taken: Option<Method>,
    /// Fanotify saw the canary too, or why it did not.
    pub fanotify: Result<(), String>,
    /// The cgroup hierarchies.
    pub cgroups: Cgroups,
    /// The agent is in the initial pid namespace.
    pub initial_pid_ns: bool,
    /// Looking a path up as arming does works, or the system call's error.
    pub openat2: Result<(), String>,
    /// A bpffs is mounted.
    pub bpffs: bool,
    /// Root certificates of the system.
    pub root_certificates: usize,
    /// The manifests, if asked for, or why they cannot be read.
    pub manifests: Option<Result<Snapshot, String>>,
    /// The cluster, if there is one, or why it cannot be asked.
    pub cluster: Option<Result<Cluster, String>>,
}

/// The cluster that is named, or that this is a pod of.
pub(super) async fn read_cluster(request: &Request) -> Option<Result<Cluster, String>> {
    let in_pod = std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    if request.kubeconfig.is_none() && (!in_pod || request.manifests.is_some()) {
        return None;
    }
    Some(match connect(request.kubeconfig.as_deref()).await {
        Ok(client) => Cluster::read(client, &request.namespace).await,
        Err(error) => Err(error.to_string()),
    })
}

impl Facts {
    /// Reads `/proc` and `/sys`, tries the attach methods, reads the manifests. What cannot be read counts as absent.
    #[must_use]
    pub fn read(request: &Request) -> Self {
        let environment = Environment::read();
        let trials = kernel::try_each_method(&environment).map_err(|before_all| Blocked(before_all.to_string()));
        let taken = trials.as_ref().ok().and_then(|trials| kernel::taken_by_auto(&environment, trials));
        let mounts = machine::mounted_types();
        let mounted = |name: &str| mounts.iter().any(|mount| mount == name);
        let read_manifests = |folder: &PathBuf| {
            manifests::read(folder, &request.namespace, &Snapshot::default()).map_err(|error| error.to_string())
        };
        Self {
            has_programs: kernel::has_programs(),
            absent_members: kernel::absent_members().map_err(|error: KernelError| error.to_string()),
            privilege: Privilege::read(),
            security: Security::read(mounted("securityfs")),
            unprivileged_bpf: machine::first_line("/proc/sys/kernel/unprivileged_bpf_disabled"),
            trials,
            taken,
            fanotify: try_fanotify(),
            cgroups: Cgroups { v1: mounted("cgroup"), v2: mounted("cgroup2"), names_from_v1: kernel::names_from_cgroup_v1() },
            initial_pid_ns: machine::in_initial_namespace("pid"),
            openat2: kernel::look_up(Path::new("/")).map_err(|error| error.to_string()),
            bpffs: mounted("bpf"),
            root_certificates: rustls_native_certs::load_native_certs().certs.len(),
            cluster: None,
            manifests: request.manifests.as_ref().map(read_manifests),
            environment,
        }
    }

    /// What `run --attach auto` keeps watch by.
    pub(super) fn used(&self) -> Option<&'static str> {
        self.taken.map(Method::name).or_else(|| self.fanotify.is_ok().then_some(fanotify::NAME))
    }
}

/// As `run` does: with too little privilege for eBPF it ends, and fanotify would need more.
fn try_fanotify() -> Result<(), String> {
    if !kernel::may_use_ebpf() {
        return Err("not tried, `run` ends where the privilege for eBPF lacks; grant that privilege".to_owned());
    }
    fanotify::Detector::start().map(drop).map_err(|error| error.to_string())
}
