//! What one cgroup's name says: a container's id, a pod's uid, or nothing.
//!
//! Runtimes give a container 32 random bytes in hexadecimal, and dress them: systemd's driver as `PREFIX-ID.scope`, the cgroupfs driver
//! as `ID` or `PREFIX-ID`. Where the kubelet speaks of slices and the runtime does not know them, one folder is named `SLICE:PREFIX:ID`.
//! Any other length, letter or prefix is no container: the prefix of a supervisor (`crio-conmon`) is one word longer than a container's.

use std::fmt;

use super::Runtime;

/// Hexadecimal digits of a container's id.
const ID_LEN: usize = 64;
/// Digits and separators of a uid, and where the separators are (RFC 9562).
const UID_LEN: usize = 36;
const SEPARATORS: [usize; 4] = [8, 13, 18, 23];
/// Digits of a static pod's uid: the kubelet makes it from a hash of the manifest, without separators.
const HASH_LEN: usize = 32;

/// What runtimes put before an id.
const PREFIXES: [(&str, Runtime); 6] = [
    ("cri-containerd", Runtime::Containerd),
    ("nerdctl", Runtime::Containerd),
    ("crio", Runtime::CriO),
    ("docker", Runtime::Docker),
    ("libpod", Runtime::Podman),
    ("libpod-payload", Runtime::Podman),
];

/// A name that is a container's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) id: &'a str,
    /// Told by the prefix; a bare id tells none.
    pub(super) runtime: Option<Runtime>,
    /// Told by the name itself only in the form with colons.
    pub(super) pod_uid: Option<PodUid<'a>>,
}

/// A pod's uid as it stands in a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PodUid<'a>(&'a str);

/// As the API writes it.
impl fmt::Display for PodUid<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.replace('_', "-"))
    }
}

/// The container that the name is of.
pub(super) fn container(name: &str) -> Option<Named<'_>> {
    if is_id(name) {
        return Some(Named { id: name, runtime: None, pod_uid: None });
    }
    let (prefix, id, pod_uid) = if let Some((rest, id)) = name.rsplit_once(':') {
        let (slice, prefix) = rest.rsplit_once(':')?;
        slice.strip_suffix(".slice")?;
        (prefix, id, pod(slice))
    } else {
        let (prefix, id) = name.strip_suffix(".scope").unwrap_or(name).rsplit_once('-')?;
        (prefix, id, None)
    };
    let (_, runtime) = PREFIXES.into_iter().find(|(known, _)| *known == prefix)?;
    is_id(id).then_some(Named { id, runtime: Some(runtime), pod_uid })
}

/// The uid of the pod that the name is of.
pub(super) fn pod(name: &str) -> Option<PodUid<'_>> {
    let Some(slice) = name.strip_suffix(".slice") else { return uid(name.strip_prefix("pod")?, b'-') };
    // A slice repeats the names of those it is in; a kubelet in a slice of its own comes first, as in kind.
    let (class, text) = slice.rsplit_once("-pod")?;
    let above = class.strip_suffix("-burstable").or_else(|| class.strip_suffix("-besteffort")).unwrap_or(class);
    if above != "kubepods" && !above.ends_with("-kubepods") {
        return None;
    }
    // In a slice's name a dash means another level, so the kubelet writes underscores.
    uid(text, b'_')
}

/// Asked several times a record: every byte is looked at, because a loop that does not stop is one of vectors.
fn is_id(text: &str) -> bool {
    text.len() == ID_LEN && digits(text.as_bytes()) == ID_LEN
}

fn uid(text: &str, separator: u8) -> Option<PodUid<'_>> {
    let bytes = text.as_bytes();
    let is_hash = || bytes.len() == HASH_LEN && digits(bytes) == HASH_LEN;
    let is_separated = || SEPARATORS.iter().all(|at| bytes.get(*at) == Some(&separator));
    // No separator is a digit: the rest of the bytes are.
    let is_uid = || bytes.len() == UID_LEN && is_separated() && digits(bytes) == UID_LEN - SEPARATORS.len();
    (is_hash() || is_uid()).then_some(PodUid(text))
}

/// How many bytes are hexadecimal digits, of which runtimes and the API server write small letters only.
fn digits(bytes: &[u8]) -> usize {
    bytes.iter().map(|byte| usize::from(matches!(byte, b'0'..=b'9' | b'a'..=b'f'))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "747c0e2d7c9b8f0a51d6f3e29a4b8c7d6e5f40312233445566778899aabbccdd";

    #[test]
    fn only_the_runtimes_own_dress_counts() {
        assert_eq!(container(ID), Some(Named { id: ID, runtime: None, pod_uid: None }));
        for (prefix, runtime) in PREFIXES {
            for name in [format!("{prefix}-{ID}.scope"), format!("{prefix}-{ID}"), format!("system.slice:{prefix}:{ID}")] {
                assert_eq!(container(&name), Some(Named { id: ID, runtime: Some(runtime), pod_uid: None }), "{name}");
            }
        }
        for name in [
            String::new(),
            ID.to_uppercase(),
            format!("{ID}0"),
            format!("{ID}.scope"),
            format!("-{ID}.scope"),
            format!("crio-conmon-{ID}.scope"),
            format!("libpod-conmon-{ID}.scope"),
            format!("evil-docker-{ID}.scope"),
            format!("docker-{ID}.slice"),
            format!("docker-{ID}.scope.scope"),
            format!("docker:{ID}"),
            format!("system.slice:conmon:{ID}"),
            format!("x:docker:{ID}"),
            "docker-0123456789ab.scope".to_owned(),
        ] {
            assert_eq!(container(&name), None, "{name}");
        }
    }

    #[test]
    fn a_pods_uid_is_told_as_the_api_writes_it() {
        let uid = Some("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9".to_owned());
        for name in [
            "kubepods-burstable-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice",
            "kubepods-besteffort-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice",
            "kubepods-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice",
            "kubelet-kubepods-burstable-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice",
            "pod0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
        ] {
            assert_eq!(pod(name).map(|uid| uid.to_string()), uid, "{name}");
        }
        let hash = "0123456789abcdef0123456789abcdef";
        assert_eq!(pod(&format!("kubepods-burstable-pod{hash}.slice")), Some(PodUid(hash)), "a static pod");
        assert_eq!(pod(&format!("pod{hash}")), Some(PodUid(hash)));
        for name in [
            "",
            "pod",
            "kubepods.slice",
            "kubepods-burstable.slice",
            "kubepods-burstable-pod.slice",
            "kubepods-burstable-pod0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9.slice",
            "evilkubepods-burstable-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice",
            "machine-pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9.slice",
            "pod0a1b2c3d_4e5f_6071_8293_a4b5c6d7e8f9",
            "pod0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9",
        ] {
            assert_eq!(pod(name), None, "{name}");
        }
    }
}
