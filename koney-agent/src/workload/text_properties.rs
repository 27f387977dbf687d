//! Processes and cgroups with any name.

use proptest::{collection::vec, prelude::*};

use super::{
    ContainerRef, Runtime,
    properties::{cgroup, files},
    text,
};
use crate::properties::cases;

/// What a process can name itself: up to 15 bytes, none of them NUL.
fn comm() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![1..=255_u8, prop::sample::select(b"() \n:".to_vec())], 0..16)
}

/// A name that a cgroup may have, often one that means something.
fn name() -> impl Strategy<Value = String> {
    let (id, uid) = ("[0-9a-f]{64}", "[0-9a-f]{8}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{4}_[0-9a-f]{12}");
    let dress = prop::sample::select(vec!["cri-containerd-", "crio-", "crio-conmon-", "docker-", "libpod-", "nerdctl-", ""]);
    prop_oneof![
        (dress, id, prop::sample::select(vec![".scope", "", ".slice"]))
            .prop_map(|(prefix, id, suffix)| format!("{prefix}{id}{suffix}")),
        (uid, prop::sample::select(vec!["kubepods-burstable-pod", "kubelet-kubepods-pod", "pod"])).prop_map(|(uid, class)| {
            if class == "pod" { format!("pod{}", uid.replace('_', "-")) } else { format!("{class}{uid}.slice") }
        }),
        (uid, id).prop_map(|(uid, id)| format!("kubepods-pod{uid}.slice:cri-containerd:{id}")),
        prop::sample::select(vec!["docker", "kubepods", "kubepods.slice", "libpod_parent", "init.scope", "..", ""])
            .prop_map(str::to_owned),
        "[^/\n]{0,20}",
    ]
}

fn path() -> impl Strategy<Value = String> {
    vec(name(), 0..6).prop_map(|names| names.join("/"))
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn any_bytes_are_read(bytes in vec(any::<u8>(), 0..300)) {
        cgroup(&bytes);
        files(&bytes);
    }

    #[test]
    fn any_path_is_told_within_its_bounds(paths in vec((0..20_u32, "(memory|pids|name=systemd|)", path()), 0..5)) {
        let lines = paths.iter().map(|(hierarchy, controllers, path)| format!("{hierarchy}:{controllers}:/{path}"));
        let text = lines.collect::<Vec<_>>().join("\n");
        cgroup(text.as_bytes());
        files(text.as_bytes());
    }

    #[test]
    fn nothing_that_can_be_created_below_changes_a_pods_container(above in path(), below in path()) {
        cgroup(format!("{above}\n{below}").as_bytes());
    }

    #[test]
    fn every_id_and_uid_comes_back(id in "[0-9a-f]{64}", uid in "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}") {
        let expected = |runtime| Some(ContainerRef { id: id.clone(), runtime, pod_uid: Some(uid.clone()) });
        let (slice, escaped) = ("kubepods.slice/kubepods-burstable.slice", uid.replace('-', "_"));
        for (parent, leaf, runtime) in [
            (format!("kubepods-burstable-pod{escaped}.slice"), format!("cri-containerd-{id}.scope"), Some(Runtime::Containerd)),
            (format!("kubepods-burstable-pod{escaped}.slice"), format!("crio-{id}.scope"), Some(Runtime::CriO)),
            (format!("pod{uid}"), id.clone(), None),
            ("containerd.service".to_owned(), format!("kubepods-pod{escaped}.slice:cri-containerd:{id}"), Some(Runtime::Containerd)),
        ] {
            prop_assert_eq!(ContainerRef::from_names(&leaf, Some(&parent)), expected(runtime));
            let text = format!("5:memory:/{slice}/{parent}/{leaf}\n0::/\n");
            prop_assert_eq!(ContainerRef::from_proc_cgroup(&text), expected(runtime));
        }
    }

    #[test]
    fn no_name_hides_who_a_process_is(name in comm(), (uid, euid, gid) in any::<(u32, u32, u32)>(), capabilities in any::<u64>()) {
        let escaped: Vec<u8> = name.iter().flat_map(|byte| if *byte == b'\n' { b"\\n".to_vec() } else { vec![*byte] }).collect();
        let facts = format!("\nState:\tS (sleeping)\nUid:\t{uid}\t{euid}\t0\t0\nGid:\t{gid}\t0\t0\t0\nCapEff:\t{capabilities:016x}\n");
        let told = text::status(&[b"Name:\t", escaped.as_slice(), facts.as_bytes()].concat());
        let expected = text::Status { uid: Some(uid), euid: Some(euid), gid: Some(gid), capabilities: Some(capabilities) };
        prop_assert_eq!(told, expected);
    }

    #[test]
    fn no_name_hides_when_a_process_started(name in comm(), (parent, flags, start) in any::<(u32, u32, u64)>()) {
        let facts = format!(") S {parent} 1 1 0 -1 {flags} 90 0 0 0 0 0 0 0 20 0 1 0 {start} 1 2 3\n");
        let told = text::stat(&[b"4711 (", name.as_slice(), facts.as_bytes()].concat()).expect("a line as the kernel writes it");
        prop_assert_eq!((told.parent, told.flags, told.start_ticks), (parent, flags, start));
        prop_assert_eq!(told.comm, String::from_utf8_lossy(&name).into_owned());
    }
}
