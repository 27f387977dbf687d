//! Which container a process is in, from the names of its cgroups.
//!
//! Whoever may create cgroups chooses their names, so the answer is a claim: it must name a container of this node before anything is
//! made of it. A workload can only create cgroups *below* its own; so of several containers in a path the outermost is told, and of
//! those the outermost that is in a pod, because a node may itself be a container (kind, k3d, minikube).

use super::cgroup_name::{Named, PodUid, container, pod};

/// Longer than the kernel writes it: a path ends below 4,096 bytes (`proc_cgroup_show`, `kernel/cgroup/cgroup.c`), and there is one for
/// each of some fifteen hierarchies.
const LONGEST_TEXT: usize = 64 * 1024;

/// Appended to the path of a cgroup that was removed while a process was still leaving it (`proc_cgroup_show`).
const DELETED: &str = " (deleted)";

/// A container, as its cgroup names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContainerRef {
    /// The runtime's id: 64 hexadecimal digits. A pod's sandbox has one too.
    pub id: String,
    /// Who runs it, where the name says so.
    pub runtime: Option<Runtime>,
    /// The uid of its pod as the API writes it; that of a static pod is 32 digits without dashes.
    pub pod_uid: Option<String>,
}

/// What started a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// containerd, by CRI or by nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Docker.
    Docker,
    /// Podman.
    Podman,
}

impl Runtime {
    /// The word before `://` in the container ids of a pod's status.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

impl ContainerRef {
    /// From what a record holds: the names of the process's cgroup and of that cgroup's parent.
    ///
    /// Two names cannot show that they lie in another container. Where the id is none of this node's, ask
    /// [`from_proc_cgroup`](Self::from_proc_cgroup), which sees the whole path.
    #[must_use]
    pub fn from_names(leaf: &str, parent: Option<&str>) -> Option<Self> {
        outermost(parent.into_iter().chain([leaf.strip_suffix(DELETED).unwrap_or(leaf)]))
    }

    /// The same, only the id: nothing is copied.
    #[must_use]
    pub fn id_in_names<'a>(leaf: &'a str, parent: Option<&'a str>) -> Option<&'a str> {
        find(parent.into_iter().chain([leaf.strip_suffix(DELETED).unwrap_or(leaf)])).map(|(named, _)| named.id)
    }

    /// From the text of `/proc/PID/cgroup`: a line for each hierarchy of version 1, one for version 2, or both.
    ///
    /// The lines need not agree, for a runtime need not know every hierarchy; but two that name different containers, both in pods or
    /// both not, are no answer. Nor is a text that the kernel does not write.
    #[must_use]
    pub fn from_proc_cgroup(text: &str) -> Option<Self> {
        if text.len() > LONGEST_TEXT {
            return None;
        }
        let mut found: Option<Self> = None;
        // Not `lines`, which would take a carriage return off a name's end.
        for line in text.split_terminator('\n') {
            let path = path(line)?;
            let Some(here) = outermost(path.split('/')) else { continue };
            match &mut found {
                None => found = Some(here),
                Some(other) if other.pod_uid.is_some() != here.pod_uid.is_some() => {
                    if here.pod_uid.is_some() {
                        *other = here;
                    }
                }
                Some(other) if other.id == here.id && other.pod_uid == here.pod_uid => {
                    other.runtime = other.runtime.or(here.runtime);
                }
                Some(_) => return None,
            }
        }
        found
    }
}

/// The path of a line `HIERARCHY:CONTROLLERS:PATH`; as seen from a cgroup namespace it may begin with `/..`.
fn path(line: &str) -> Option<&str> {
    let mut parts = line.splitn(3, ':');
    let (hierarchy, _controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    if hierarchy.is_empty() || !hierarchy.bytes().all(|byte| byte.is_ascii_digit()) || !path.starts_with('/') {
        return None;
    }
    Some(path.strip_suffix(DELETED).unwrap_or(path))
}

fn outermost<'a>(names: impl Iterator<Item = &'a str>) -> Option<ContainerRef> {
    find(names).map(|(named, above)| in_place(named, above))
}

/// The outermost container in a pod, else the outermost one, and the name above it.
fn find<'a>(names: impl Iterator<Item = &'a str>) -> Option<(Named<'a>, Option<&'a str>)> {
    let mut names = names.peekable();
    let mut found = None;
    let mut above = None;
    while let Some(name) = names.next() {
        if let Some(named) = container(name)
            && !is_podmans_pod(&named, above, names.peek().copied())
        {
            if named.pod_uid.is_some() || above.and_then(pod).is_some() {
                return Some((named, above));
            }
            found = found.or(Some((named, above)));
        }
        above = Some(name);
    }
    found
}

/// Podman's pods have ids like containers', and with the cgroupfs driver a cgroup of just that name. What is above may be unknown.
fn is_podmans_pod(named: &Named<'_>, above: Option<&str>, below: Option<&str>) -> bool {
    let holds_containers = || below.and_then(container).is_some_and(|below| below.runtime == Some(Runtime::Podman));
    named.runtime.is_none() && above.is_none_or(|above| above == "libpod_parent") && holds_containers()
}

fn in_place(named: Named<'_>, above: Option<&str>) -> ContainerRef {
    let uid = |uid: PodUid<'_>| uid.to_string();
    ContainerRef {
        id: named.id.to_owned(),
        runtime: named.runtime.or_else(|| (above == Some("docker")).then_some(Runtime::Docker)),
        pod_uid: named.pod_uid.or_else(|| pod(above?)).map(uid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_have_the_words_of_a_pods_status() {
        let all = [Runtime::Containerd, Runtime::CriO, Runtime::Docker, Runtime::Podman];
        assert_eq!(all.map(Runtime::name), ["containerd", "cri-o", "docker", "podman"]);
    }
}
