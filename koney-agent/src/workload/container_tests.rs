//! Lines as nodes have them, and lines as an attacker would have them.

use super::{ContainerRef, Runtime};

/// The container asked about, and another one.
const ID: &str = "747c0e2d7c9b8f0a51d6f3e29a4b8c7d6e5f40312233445566778899aabbccdd";
const OTHER: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const UID: &str = "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
const OTHER_UID: &str = "f9e8d7c6-b5a4-9382-7160-5f4e3d2c1b0a";
const HASH: &str = "0123456789abcdef0123456789abcdef";

use Runtime::{Containerd, CriO, Docker, Podman};

/// Fills in ids and uids; `UID_` is the form in the names of slices.
fn line(template: &str) -> String {
    template
        .replace("OTHER_UID_", &OTHER_UID.replace('-', "_"))
        .replace("OTHER_UID", OTHER_UID)
        .replace("UID_", &UID.replace('-', "_"))
        .replace("UID", UID)
        .replace("OTHER", OTHER)
        .replace("HASH", HASH)
        .replace("ID", ID)
}

fn reference(id: &str, runtime: Option<Runtime>, pod_uid: Option<&str>) -> ContainerRef {
    ContainerRef { id: id.to_owned(), runtime, pod_uid: pod_uid.map(str::to_owned) }
}

/// What the record of a process in the cgroup at this path would lead to.
fn from_record(path: &str) -> Option<ContainerRef> {
    let mut names = path.rsplit('/');
    ContainerRef::from_names(names.next().unwrap_or_default(), names.next().filter(|name| !name.is_empty()))
}

#[test]
fn every_runtime_and_driver_is_read_from_the_names_and_from_the_path() {
    let pod = Some(UID);
    for (path, runtime, pod_uid) in [
        // containerd, systemd's driver: burstable, best effort, guaranteed, a static pod.
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/cri-containerd-ID.scope",
            Some(Containerd),
            pod,
        ),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/cri-containerd-ID.scope",
            Some(Containerd),
            pod,
        ),
        ("/kubepods.slice/kubepods-podUID_.slice/cri-containerd-ID.scope", Some(Containerd), pod),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podHASH.slice/cri-containerd-ID.scope",
            Some(Containerd),
            Some(HASH),
        ),
        // The kubelet uses systemd's driver and containerd does not.
        ("/system.slice/containerd.service/kubepods-burstable-podUID_.slice:cri-containerd:ID", Some(Containerd), pod),
        // The cgroupfs driver; whose id it is, nobody says. k3s, also rootless.
        ("/kubepods/burstable/podUID/ID", None, pod),
        ("/kubepods/besteffort/podUID/ID", None, pod),
        ("/kubepods/podUID/ID", None, pod),
        ("/kubepods/burstable/podHASH/ID", None, Some(HASH)),
        ("/user.slice/user-1000.slice/user@1000.service/k3s-rootless.service/kubepods/burstable/podUID/ID", None, pod),
        // CRI-O, both drivers.
        ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/crio-ID.scope", Some(CriO), pod),
        ("/kubepods/burstable/podUID/crio-ID", Some(CriO), pod),
        // Docker: under Kubernetes by cri-dockerd, and alone, both drivers, also with a parent of the user's choice.
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/docker-ID.scope", Some(Docker), pod),
        ("/system.slice/docker-ID.scope", Some(Docker), None),
        ("/docker/ID", Some(Docker), None),
        ("/actions_job/ID", None, None),
        ("/batch.slice/docker-ID.scope", Some(Docker), None),
        // nerdctl, Podman as root, rootless, in a unit of systemd, in its own kind of pod.
        ("/system.slice/nerdctl-ID.scope", Some(Containerd), None),
        ("/machine.slice/libpod-ID.scope", Some(Podman), None),
        ("/libpod_parent/libpod-ID", Some(Podman), None),
        ("/libpod_parent/OTHER/libpod-ID", Some(Podman), None),
        ("/machine.slice/machine-libpod_pod_OTHER.slice/libpod-ID.scope", Some(Podman), None),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope", Some(Podman), None),
        ("/system.slice/web.service/libpod-payload-ID", Some(Podman), None),
        // As seen from a cgroup namespace.
        ("/../../kubepods-besteffort-podUID_.slice/cri-containerd-ID.scope", Some(Containerd), pod),
        ("/../../podUID/ID", None, pod),
        ("/../cri-containerd-ID.scope", Some(Containerd), None),
        // The last process of a container that is going away.
        ("/kubepods/burstable/podUID/ID (deleted)", None, pod),
    ] {
        let path = line(path);
        let expected = Some(reference(ID, runtime, pod_uid));
        assert_eq!(from_record(&path), expected, "names of {path}");
        assert_eq!(ContainerRef::from_proc_cgroup(&format!("0::{path}\n")), expected, "{path}");
    }
}

#[test]
fn cgroups_inside_a_container_are_the_containers() {
    for (path, runtime) in [
        // crun makes one, systemd many.
        ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/crio-ID.scope/container", CriO),
        (
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/cri-containerd-ID.scope/init.scope",
            Containerd,
        ),
    ] {
        let path = line(path);
        assert_eq!(from_record(&path), Some(reference(ID, Some(runtime), None)), "two names do not reach the pod: {path}");
        let whole = ContainerRef::from_proc_cgroup(&format!("0::{path}\n"));
        assert_eq!(whole, Some(reference(ID, Some(runtime), Some(UID))), "{path}");
    }
    let deeper = line("0::/machine.slice/libpod-ID.scope/container/system.slice/nginx.service\n");
    assert_eq!(ContainerRef::from_proc_cgroup(&deeper), Some(reference(ID, Some(Podman), None)));
}

#[test]
fn a_node_that_is_a_container_is_looked_through() {
    for path in [
        // kind with cgroup v1 and v2, minikube.
        "/docker/OTHER/kubelet/kubepods/burstable/podUID/ID",
        "/system.slice/docker-OTHER.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-podUID_.slice/cri-containerd-ID.scope",
        "/system.slice/docker-OTHER.scope/kubepods.slice/kubepods-podUID_.slice/docker-ID.scope",
    ] {
        let found = ContainerRef::from_proc_cgroup(&line(&format!("0::{path}\n"))).expect(path);
        assert_eq!((found.id.as_str(), found.pod_uid.as_deref()), (ID, Some(UID)), "{path}");
    }
    let of_the_node = line("0::/docker/ID/system.slice/containerd.service\n");
    assert_eq!(ContainerRef::from_proc_cgroup(&of_the_node), Some(reference(ID, Some(Docker), None)));
}

#[test]
fn a_workload_cannot_pass_for_another_one_by_the_cgroups_it_creates() {
    for own in [
        "/kubepods/burstable/podUID/ID",
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/crio-ID.scope",
    ] {
        for inside in [
            "/kubepods/burstable/podOTHER_UID/OTHER",
            "/kubepods.slice/kubepods-podOTHER_UID_.slice/cri-containerd-OTHER.scope",
            "/kubepods-podOTHER_UID_.slice:cri-containerd:OTHER",
            "/docker/OTHER",
            "/OTHER/libpod-OTHER",
        ] {
            let found = ContainerRef::from_proc_cgroup(&line(&format!("0::{own}{inside}\n"))).expect(inside);
            assert_eq!((found.id.as_str(), found.pod_uid.as_deref()), (ID, Some(UID)), "{own}{inside}");
        }
    }
    for (path, runtime) in [
        ("/docker/ID/docker/OTHER", Some(Docker)),
        ("/docker/ID/libpod-OTHER", Some(Docker)),
        ("/batch/ID/libpod-OTHER", None),
        ("/system.slice/docker-ID.scope/system.slice/docker-OTHER.scope", Some(Docker)),
    ] {
        let found = ContainerRef::from_proc_cgroup(&line(&format!("0::{path}\n")));
        assert_eq!(found, Some(reference(ID, runtime, None)), "{path}");
    }
}

#[test]
fn all_hierarchies_of_version_1_are_heard() {
    let path = "/kubepods/burstable/podUID/ID";
    let expected = Some(reference(ID, None, Some(UID)));
    let v1 = line(&format!("11:memory:{path}\n4:cpu,cpuacct:{path}\n2:freezer:/\n1:name=systemd:{path}\n"));
    assert_eq!(ContainerRef::from_proc_cgroup(&v1), expected);
    let hybrid = line(&format!("11:memory:{path}\n1:name=systemd:{path}\n0::/system.slice/containerd.service\n"));
    assert_eq!(ContainerRef::from_proc_cgroup(&hybrid), expected);
    let kind = line(&format!("13:misc:/docker/OTHER\n11:memory:/docker/OTHER{path}\n0::/docker/OTHER/init.scope\n"));
    assert_eq!(ContainerRef::from_proc_cgroup(&kind), expected, "the runtime inside does not know every hierarchy");
    let docker = line("9:pids:/docker/ID\n3:cpuset:/docker/ID\n0::/../ID\n");
    assert_eq!(ContainerRef::from_proc_cgroup(&docker), Some(reference(ID, Some(Docker), None)));
}

#[test]
fn whatever_is_doubtful_is_no_container() {
    for text in [
        "",
        "\n",
        "0::/\n",
        "0::/system.slice/ssh.service\n",
        // Supervisors run on the node, for a container and not in it.
        "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/crio-conmon-ID.scope\n",
        "0::/machine.slice/libpod-conmon-ID.scope\n",
        // The pod's own cgroup.
        "0::/kubepods/burstable/podUID\n",
        // Two answers.
        "4:memory:/docker/ID\n3:pids:/docker/OTHER\n",
        "4:memory:/kubepods/podUID/ID\n3:pids:/kubepods/podOTHER_UID/ID\n",
        // Not what the kernel writes.
        "0::docker/ID\n",
        "0::/docker/ID\r\n",
        "x:memory:/docker/ID\n",
        "4:memory:/docker/ID\nnonsense\n",
    ] {
        assert_eq!(ContainerRef::from_proc_cgroup(&line(text)), None, "{text}");
    }
    let long = format!("{}{}", line("0::/docker/ID\n"), "1:cpu:/\n".repeat(10_000));
    assert_eq!(ContainerRef::from_proc_cgroup(&long), None);
    assert_eq!(ContainerRef::from_names("", None), None);
    assert_eq!(ContainerRef::from_names(&line("crio-conmon-ID.scope"), Some(&line("kubepods-podUID_.slice"))), None);
    assert_eq!(ContainerRef::from_names("init.scope", Some("")), None);
}
