//! What the record of an access says about the process, by each attach method, in a real kernel.

use std::{
    ffi::OsStr,
    fs,
    io::Write as _,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use koney_agent::event::{Observation, Origin};
use koney_common::record::ARGUMENTS_LEN;
use koney_tests::{by_each_method, kernel::Sight};

by_each_method!(
    a_process_is_described_in_full,
    credentials_are_those_of_the_process,
    namespaces_are_named_as_proc_names_them,
    the_cgroup_and_its_parent_are_named,
    hostile_arguments_come_out_whole_or_marked,
    deep_paths_are_cut_and_marked,
    a_chroot_shows_its_own_paths,
    pids_are_those_of_the_agents_namespace,
    an_exec_from_outside_is_told_from_the_workload,
);

const CAT: &str = "/usr/bin/cat";

struct Stage {
    folder: tempfile::TempDir,
    decoy: PathBuf,
}

impl Stage {
    async fn set(sight: &mut Sight) -> Self {
        let folder = tempfile::tempdir().expect("temporary folder");
        // The root of the temporary folder is closed to others, and some of these tests are others.
        fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("chmod");
        let decoy = folder.path().join("token");
        fs::write(&decoy, "secret").expect("plant the decoy");
        sight.arm(&decoy).await;
        Self { folder, decoy }
    }

    fn cat(&self) -> Command {
        let mut command = Command::new(CAT);
        command.arg(&self.decoy).current_dir(self.folder.path()).stdout(Stdio::null());
        command
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]).env("DECOY", &self.decoy).current_dir(self.folder.path()).stdout(Stdio::null());
        command
    }
}

fn run(mut command: Command) {
    let status = command.status().expect("start");
    assert!(status.success(), "{command:?}: {status}");
}

fn seen(sight: &mut Sight, command: Command) -> Observation {
    let what = format!("{command:?}");
    run(command);
    sight.one(&what)
}

async fn a_process_is_described_in_full(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    let mut command = stage.cat();
    command.arg("--").arg("/dev/null");
    let before = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let mut child = command.spawn().expect("start");
    let pid = child.id();
    assert!(child.wait().expect("wait").success());
    let seen = sight.one("cat");
    let subject = seen.subject;
    assert_eq!(subject.pid, Some(pid));
    assert_eq!(subject.tid, Some(pid));
    assert_eq!(subject.executable.as_deref(), Some(CAT));
    assert_eq!(subject.comm.as_deref(), Some("cat"));
    assert_eq!(subject.cwd.as_deref(), stage.folder.path().to_str());
    let words = [CAT, stage.decoy.to_str().expect("text"), "--", "/dev/null"].map(str::to_owned);
    assert_eq!(subject.arguments.as_deref(), Some(&words[..]));
    assert!(!subject.arguments_truncated);
    assert_eq!(subject.parent.pid, Some(std::process::id()));
    let own = fs::read_to_string("/proc/self/comm").expect("own name");
    assert_eq!(subject.parent.comm.as_deref(), Some(own.trim_end()), "the process that forked, not its thread");
    assert!(!subject.kernel_thread);
    let started = subject.start_ns.expect("a start time");
    let before = u64::try_from(before.tv_sec).expect("positive") * 1_000_000_000;
    assert!(before <= started && started <= seen.boot_ns, "{before} <= {started} <= {}", seen.boot_ns);
    assert!(subject.parent.start_ns.is_some_and(|start| start < started));
}

async fn credentials_are_those_of_the_process(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    let root = seen(sight, stage.cat()).subject;
    assert_eq!((root.uid, root.gid, root.euid), (Some(0), Some(0), Some(0)));
    assert!(root.capabilities.is_some_and(|bits| bits & 1 << 21 != 0), "root has CAP_SYS_ADMIN");
    assert_eq!(root.login_uid, None, "nobody logged in");
    let mut command = stage.cat();
    command.uid(1000).gid(1001);
    let other = seen(sight, command).subject;
    assert_eq!((other.uid, other.gid, other.euid), (Some(1000), Some(1001), Some(1000)));
    assert_eq!(other.capabilities, Some(0));
    let logged_in = seen(sight, stage.shell("echo 1234 > /proc/self/loginuid && exec cat \"$DECOY\"")).subject;
    assert_eq!(logged_in.login_uid, Some(1234));
}

async fn namespaces_are_named_as_proc_names_them(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    fs::File::open(&stage.decoy).expect("open");
    let subject = sight.one("an open of our own").subject;
    let inode = |name: &str| fs::metadata(format!("/proc/self/ns/{name}")).expect("a namespace").ino();
    for (name, told) in [("mnt", subject.mount_ns), ("pid", subject.pid_ns), ("user", subject.user_ns)] {
        assert_eq!(told.map(u64::from), Some(inode(name)), "{name}");
    }
    let other = seen(sight, stage.shell("exec unshare -m cat \"$DECOY\"")).subject;
    assert!(other.mount_ns.is_some() && other.mount_ns != subject.mount_ns);
    assert_eq!(other.pid_ns, subject.pid_ns);
}

async fn the_cgroup_and_its_parent_are_named(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    let v1 = Path::new("/sys/fs/cgroup/memory");
    let root = if v1.is_dir() { v1 } else { Path::new("/sys/fs/cgroup") };
    let pod = root.join("kubepods-besteffort-pod0c2ae5d1_58a3.slice");
    let id = "747c5d1509f1b8b46593c526da670e0609bacaea89b94238ef6cf39b333f9ec4";
    let container = pod.join(format!("cri-containerd-{id}.scope"));
    fs::create_dir_all(&container).expect("make the cgroups");
    let script = format!("echo $$ > {}/cgroup.procs && exec cat \"$DECOY\"", container.display());
    let subject = seen(sight, stage.shell(&script)).subject;
    assert_eq!(subject.cgroup_name, Some(format!("cri-containerd-{id}.scope")));
    assert_eq!(subject.cgroup_parent_name.as_deref(), Some("kubepods-besteffort-pod0c2ae5d1_58a3.slice"));
    assert_eq!(subject.cgroup_id, Some(fs::metadata(&container).expect("stat").ino()));
    for cgroup in [container, pod] {
        fs::remove_dir(cgroup).expect("remove the cgroup");
    }
}

async fn hostile_arguments_come_out_whole_or_marked(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    let mut command = stage.cat();
    let hostile: [&[u8]; 4] = [b"", b"[red]\x1b[31m", b"KONEY_FINGERPRINT_1337", b"\xff\xfe\n\"'"];
    let shell = command.args(["--", "/dev/null"]).args(hostile.map(OsStr::from_bytes)).stderr(Stdio::null());
    shell.status().expect("start; cat complains of files that do not exist");
    let told = sight.one("hostile arguments").subject.arguments.expect("arguments");
    let expected = ["", "[red]\u{1b}[31m", "KONEY_FINGERPRINT_1337", "\u{fffd}\u{fffd}\n\"'"];
    assert_eq!(told.get(4..), Some(&expected.map(str::to_owned)[..]));

    let long = "x".repeat(128 * 1024 - 1);
    let mut command = stage.cat();
    command.args(["--", &long]).stderr(Stdio::null());
    command.status().expect("start");
    let subject = sight.one("long arguments").subject;
    assert!(subject.arguments_truncated);
    let told = subject.arguments.expect("arguments");
    assert_eq!(told.iter().map(|argument| argument.len() + 1).sum::<usize>(), ARGUMENTS_LEN + 1);
    assert_eq!(told[1], stage.decoy.to_str().expect("text"));
}

async fn deep_paths_are_cut_and_marked(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    let mut deep = stage.folder.path().to_owned();
    for _ in 0..6 {
        deep.push("d".repeat(250));
    }
    fs::create_dir_all(&deep).expect("mkdir");
    let mut command = stage.cat();
    command.current_dir(&deep);
    let cwd = seen(sight, command).subject.cwd.expect("a working directory");
    assert!(cwd.starts_with(".../ddd"), "{cwd}");
    let whole = deep.to_str().expect("text");
    assert!(cwd.len() > 1000 && whole.ends_with(cwd.trim_start_matches("...")), "{cwd}");

    let mut many = stage.folder.path().to_owned();
    for _ in 0..100 {
        many.push("d");
    }
    fs::create_dir_all(&many).expect("mkdir");
    let mut command = stage.cat();
    command.current_dir(&many);
    let cwd = seen(sight, command).subject.cwd.expect("a working directory");
    assert!(cwd.starts_with(".../d/d/d"), "{cwd}");
}

async fn a_chroot_shows_its_own_paths(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    let busybox = stage.folder.path().join("busybox");
    fs::copy("/bin/busybox", &busybox).expect("a static program");
    let seen = seen(sight, stage.shell("exec chroot . /busybox cat /token"));
    assert_eq!(seen.path.as_deref(), Some("/token"));
    assert_eq!(seen.subject.executable.as_deref(), Some("/busybox"));
    assert_eq!(seen.subject.cwd.as_deref(), Some("/"));
}

async fn pids_are_those_of_the_agents_namespace(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    // It lives until it is told to go, so that /proc can be asked about it.
    let mut child =
        stage.shell("exec unshare -p -f sh -c 'cat \"$DECOY\"; read line'").stdin(Stdio::piped()).spawn().expect("start");
    let subject = koney_tests::agent::until(|| sight.seen().pop()).await.expect("an access").subject;
    let shell = subject.parent.pid.expect("a parent");
    let status = fs::read_to_string(format!("/proc/{shell}/status")).expect("the shell still waits");
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:")).expect("NSpid");
    assert_eq!(ids.split_whitespace().collect::<Vec<_>>(), [shell.to_string().as_str(), "1"]);
    assert!(subject.pid.is_some_and(|pid| pid > shell), "{subject:?}");
    child.stdin.take().expect("piped").write_all(b"go\n").expect("write");
    assert!(child.wait().expect("wait").success());
}

async fn an_exec_from_outside_is_told_from_the_workload(sight: &mut Sight) {
    let stage = Stage::set(sight).await;
    let mut child = stage
        .shell("exec unshare -p -f sh -c 'sh -c \"cat $DECOY; true\"; read line'")
        .stdin(Stdio::piped())
        .spawn()
        .expect("start");
    let inside = koney_tests::agent::until(|| sight.seen().pop()).await.expect("an access").subject;
    assert_eq!(inside.origin, Some(Origin::Workload));
    let first = first_of(inside.pid_ns.expect("a namespace"));
    let outside = seen(sight, stage.shell(&format!("exec nsenter -t {first} -p cat \"$DECOY\""))).subject;
    assert_eq!(outside.origin, Some(Origin::RuntimeExec));
    assert_eq!(outside.pid_ns, inside.pid_ns);
    child.stdin.take().expect("piped").write_all(b"go\n").expect("write");
    assert!(child.wait().expect("wait").success());
}

/// The first process of a pid namespace, by number in ours.
fn first_of(namespace: u32) -> String {
    let processes = fs::read_dir("/proc").expect("list").flatten().map(|entry| entry.path());
    let inside = |path: &PathBuf| fs::metadata(path.join("ns/pid")).is_ok_and(|found| found.ino() == u64::from(namespace));
    let first = |path: &PathBuf| {
        fs::read_to_string(path.join("status"))
            .is_ok_and(|status| status.lines().any(|line| line.starts_with("NSpid:") && line.ends_with("\t1")))
    };
    let found = processes.filter(inside).find(first).expect("it lives");
    found.file_name().and_then(OsStr::to_str).expect("a number").to_owned()
}
