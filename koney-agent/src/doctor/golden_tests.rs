//! The whole answer, word by word and key by key.

use std::{fs, path::Path};

use serde_json::Value;

use super::{
    Facts, Report, Verdict,
    samples::{complete, preempting, unprivileged},
};
use crate::cluster::{DEFAULT_NAMESPACE, Snapshot, manifests};

const PREEMPTING: &str = "\
STATUS    CHECK                   FOUND
ok        kernel                  6.12.117-cloud-amd64
ok        eBPF programs           built into this binary
ok        type information        /sys/kernel/btf/vmlinux, readable
ok        record fields           28 of 28
ok        CAP_BPF                 held, to load programs and maps
ok        CAP_PERFMON             held, to attach programs that read kernel memory
ok        CAP_DAC_READ_SEARCH     held, to reach decoys of every owner
ok        CAP_SYS_ADMIN           held; eBPF does not need it, fanotify does
ok        locked memory           RLIMIT_MEMLOCK does not bound maps from 5.11 on
ok        unprivileged eBPF       kernel.unprivileged_bpf_disabled is 2; koney needs no kernel.bpf_* setting
ok        securityfs              mounted
ok        lockdown                none
missing   LSM list                `bpf` is not in lockdown,capability,yama,apparmor
                                  costs: LSM, which neither misses accesses where the kernel preempts, as fentry does,
                                         nor costs as much as a kprobe, cannot be used; fentry is used instead
                                  remedy: add lsm=lockdown,capability,yama,apparmor,bpf to the kernel's command line
                                          (the kernel needs CONFIG_BPF_LSM=y)
ok        preemption              full, lazy or real-time: fentry can miss accesses by it
missing   attach lsm              not tried, `bpf` is not in /sys/kernel/security/lsm
                                  costs: fentry has to be used, see run --attach auto
                                  remedy: see LSM list
degraded  attach fentry           attached, canary seen, detached
                                  costs: fentry can miss accesses on a kernel that preempts inside a program
                                  remedy: boot with `bpf` in the lsm= list to use LSM
missing   attach kprobe           refused at load (Operation not permitted (os error 1)), the verifier said nothing
                                  costs: fentry has to be used, see run --attach auto
                                  remedy: the kernel or a sandbox around it forbids this with all privilege given, and
                                          does not say why; run the agent on the node itself, or on another kernel
ok        count of skipped calls  told by the kernel (recursion_misses)
ok        fanotify                works; not needed as long as fentry is there to be used
degraded  run --attach auto       uses fentry
                                  costs: fentry can miss accesses on a kernel that preempts inside a program
                                  remedy: boot with `bpf` in the lsm= list to use LSM
ok        hook file_open          fentry security_file_open
ok        hook unlink             fentry security_inode_unlink
ok        hook rename_from        fentry security_inode_rename
ok        hook rename_to          fentry security_inode_rename
ok        hook link               fentry security_inode_link
ok        hook symlink            fentry security_inode_symlink
ok        hook setattr            fentry security_inode_setattr
ok        hook setxattr           fentry security_inode_setxattr
ok        hook copy_up            fentry security_inode_copy_up
ok        hook denied             fexit inode_permission, only while a policy asks for it
ok        openat2                 works
ok        cgroups                 v2; containers are named by v2
ok        pid namespace           the initial one
ok        bpffs                   mounted
ok        root certificates       142 of the system

detection is possible but degraded, see: run --attach auto; `run --attach auto` uses fentry";

#[test]
fn the_text_is_a_table_and_a_verdict() {
    assert_eq!(Report::new(&preempting()).text(), PREEMPTING);
}

#[test]
fn the_last_line_says_what_it_comes_to() {
    let last = |facts: &Facts| Report::new(facts).text().lines().next_back().map(str::to_owned);
    assert_eq!(last(&complete()).as_deref(), Some("detection is possible in full; `run --attach auto` uses lsm"));
    let expected = "detection is not possible with this privilege, see: CAP_BPF, CAP_PERFMON";
    assert_eq!(last(&unprivileged()).as_deref(), Some(expected));
}

#[test]
fn json_has_the_same_findings_and_leaves_out_what_is_absent() {
    let facts = preempting();
    let report = Report::new(&facts);
    let json: Value = serde_json::from_str(&report.json()).expect("JSON");
    assert_eq!((&json["verdict"], &json["attach"]), (&"degraded".into(), &"fentry".into()));
    let findings = json["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), report.findings().len());
    assert_eq!(findings[0], serde_json::json!({ "check": "kernel", "status": "ok", "found": "6.12.117-cloud-amd64" }));
    let list = findings.iter().find(|finding| finding["check"] == "LSM list").expect("there");
    assert_eq!(list["status"], "missing");
    assert!(list["cost"].is_string() && list["remedy"].is_string());
    let unprivileged: Value = serde_json::from_str(&Report::new(&unprivileged()).json()).expect("JSON");
    assert_eq!(unprivileged["verdict"], "no-privilege");
    assert!(unprivileged.get("attach").is_none());
}

/// The text without its layout.
fn words(facts: &Facts) -> String {
    Report::new(facts).text().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn folder(files: &[(&str, &str)]) -> Facts {
    let folder = tempfile::tempdir().expect("temporary folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("write");
    }
    let snapshot = manifests::read(folder.path(), DEFAULT_NAMESPACE, &Snapshot::default()).expect("readable");
    Facts { manifests: Some(Ok(snapshot)), ..complete() }
}

#[test]
fn manifests_are_counted_and_their_problems_told_safely() {
    let policy = include_str!("../../../deploy/standalone/policy.yaml");
    let text = words(&folder(&[("a.yaml", policy)]));
    let counts = "policies: 1; traps: 1, valid: 1, watched: 1; sinks: 0; problems: 0; alerts go to standard output only";
    assert!(text.contains(counts), "{text}");

    let facts = folder(&[("a.yaml", policy), ("b\n\x1b[31m.yaml", "kind: [")]);
    assert_eq!(Report::new(&facts).verdict(), Verdict::Degraded);
    let text = words(&facts);
    assert!(text.contains("degraded manifest b\\n\\u{1b}[31m.yaml:2: is not valid YAML"), "{text}");
    assert!(!text.contains('\x1b'), "{text}");
}

#[test]
fn a_folder_that_cannot_be_read_is_named() {
    let missing = Path::new("/no/such\nfolder");
    let error = manifests::read(missing, DEFAULT_NAMESPACE, &Snapshot::default()).expect_err("not there");
    let facts = Facts { manifests: Some(Err(error.to_string())), ..complete() };
    assert_eq!(Report::new(&facts).verdict(), Verdict::Degraded);
    let expected = "degraded manifests cannot read the manifest folder /no/such\\nfolder: No such file or directory (os error 2)";
    assert!(words(&facts).contains(expected), "{}", words(&facts));
}

#[test]
fn sinks_without_any_root_certificate_are_named() {
    let sink = include_str!("../../../deploy/standalone/sink.yaml");
    let secret = include_str!("../../../deploy/standalone/secret.yaml");
    let facts = Facts { root_certificates: 0, ..folder(&[("sink.yaml", sink), ("secret.yaml", secret)]) };
    let text = words(&facts);
    assert!(text.contains("costs: alerts do not reach "), "{text}");
    assert!(!text.contains("apiToken"));
}
