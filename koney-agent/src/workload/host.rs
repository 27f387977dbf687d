//! The machine itself, which in standalone mode is the one workload.

use std::{
    fs,
    sync::{Arc, OnceLock},
};

/// Facts read once at start, and one that is learnt later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Name of the node or host.
    pub name: String,
    /// `/etc/machine-id`: stable over reboots.
    pub machine_id: Option<String>,
    /// `/proc/sys/kernel/random/boot_id`: makes a time since boot unique over reboots.
    pub boot_id: String,
    /// The uid of the cluster that it is a node of, once that is known (uid of the namespace `kube-system`).
    pub cluster_uid: Arc<OnceLock<String>>,
}

impl Host {
    /// Reads the machine's names; `name` overrides the host name.
    #[must_use]
    pub fn read(name: Option<String>) -> Self {
        let host_name = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        Self {
            name: name.unwrap_or_else(host_name),
            machine_id: ["/etc/machine-id", "/var/lib/dbus/machine-id"].into_iter().find_map(first_line),
            boot_id: first_line("/proc/sys/kernel/random/boot_id").unwrap_or_default(),
            cluster_uid: Arc::default(),
        }
    }
}

/// The first line of a file; `None` where there is nothing in it. systemd writes `uninitialized` into the machine id of an image.
fn first_line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().next()?.trim();
    (!line.is_empty() && line != "uninitialized").then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_given_name_wins() {
        assert_eq!(Host::read(Some("node-7".to_owned())).name, "node-7");
        assert!(!Host::read(None).name.is_empty());
        assert_eq!(Host::read(None).boot_id.len(), 36);
    }
}
