use super::super::{
    Cgroups, Cluster, Definition, Facts, Finding, Lockdown, Privilege, Report, Security, Status, Verdict,
    cluster::RIGHTS,
    samples::{WITH_BPF, blocked, complete, old_without_bpf_lsm, preempting, refused, refusing, unprivileged},
};
use crate::kernel::{Environment, Fired, Hook, HookFailure, Method, Preemption, Trial, fanotify};

fn find(facts: &Facts, check: &str) -> Finding {
    let mut found: Vec<_> = super::findings(facts).into_iter().filter(|finding| finding.check == check).collect();
    assert_eq!(found.len(), 1, "{check}: {found:?}");
    found.remove(0)
}

fn verdict(facts: &Facts) -> Verdict {
    Report::new(facts).verdict()
}

fn cost(finding: &Finding) -> &str {
    finding.cost.as_deref().unwrap_or("nothing")
}

fn remedy(finding: &Finding) -> &str {
    finding.remedy.as_deref().unwrap_or("none")
}

#[test]
fn where_all_is_there_all_is_ok() {
    let facts = complete();
    let not_ok: Vec<_> = super::findings(&facts).into_iter().filter(|finding| finding.status != Status::Ok).collect();
    assert_eq!(not_ok, []);
    assert_eq!(verdict(&facts), Verdict::Full);
    assert_eq!(find(&facts, "run --attach auto").found, "uses lsm");
}

#[test]
fn whatever_is_not_ok_says_what_it_costs_and_what_helps() {
    let machines = [old_without_bpf_lsm(), refusing(Some(Lockdown::Confidentiality)), unprivileged(), preempting()];
    for finding in machines.iter().flat_map(super::findings).filter(|finding| finding.status != Status::Ok) {
        assert!(finding.cost.is_some(), "{finding:?}");
        assert!(finding.remedy.is_some() || cost(&finding).starts_with("see "), "{finding:?}");
    }
}

#[test]
fn without_bpf_in_the_list_fentry_serves_and_the_whole_boot_parameter_is_given() {
    let facts = old_without_bpf_lsm();
    let list = find(&facts, "LSM list");
    assert_eq!(list.status, Status::Missing);
    assert!(cost(&list).ends_with("fentry is used instead"), "{list:?}");
    assert!(remedy(&list).starts_with("add lsm=lockdown,capability,yama,apparmor,bpf to"), "{list:?}");
    assert_eq!(cost(&find(&facts, "attach lsm")), "nothing as long as fentry is there to be used");
    assert_eq!(remedy(&find(&facts, "attach kprobe")), "`run --attach kprobe` uses it all the same");
    assert_eq!(find(&facts, "count of skipped calls").status, Status::Missing);
    assert_eq!(verdict(&facts), Verdict::Full);
}

#[test]
fn maps_are_bounded_by_a_limit_before_5_11() {
    let bounded = |effective, unlimited_memory, taken| {
        let privilege = Privilege { effective, unlimited_memory, ..complete().privilege };
        find(&Facts { privilege, taken, ..old_without_bpf_lsm() }, "locked memory").status
    };
    let without_resource = 1 << 38 | 1 << 39;
    assert_eq!(bounded(without_resource, false, None), Status::Missing);
    assert_eq!(bounded(without_resource, false, Some(Method::Fentry)), Status::Ok, "it was enough");
    assert_eq!(bounded(without_resource, true, None), Status::Ok);
    assert_eq!(bounded(u64::MAX, false, None), Status::Ok);
}

#[test]
fn lockdown_is_the_cause_only_where_it_says_confidentiality() {
    for mode in [None, Some(Lockdown::None), Some(Lockdown::Integrity)] {
        let facts = refusing(mode);
        assert_eq!(find(&facts, "lockdown").status, Status::Ok);
        let attach = find(&facts, "attach fentry");
        assert!(attach.found.contains("(os error 1)") && !remedy(&attach).contains("lockdown"), "{attach:?}");
        assert_eq!(verdict(&facts), Verdict::Impossible);
    }
    let facts = refusing(Some(Lockdown::Confidentiality));
    assert_eq!(find(&facts, "lockdown").status, Status::Missing);
    assert_eq!(remedy(&find(&facts, "attach fentry")), "see lockdown");
}

#[test]
fn without_securityfs_nothing_is_claimed() {
    let security = Security { securityfs: false, modules: None, lockdown: None };
    let facts = Facts { security, environment: Environment { bpf_lsm: None, ..complete().environment }, ..complete() };
    assert_eq!(find(&facts, "securityfs").status, Status::Missing);
    assert_eq!(find(&facts, "lockdown").found, "not known");
    assert_eq!(find(&facts, "LSM list").status, Status::Ok);
    assert_eq!(verdict(&facts), Verdict::Full, "the canary has told");
}

#[test]
fn without_type_information_the_kernels_option_is_named() {
    let reason = "this kernel has no type information (/sys/kernel/btf/vmlinux: gone); build it with CONFIG_DEBUG_INFO_BTF=y";
    let facts = Facts { absent_members: Err(reason.to_owned()), ..blocked(reason) };
    let types = find(&facts, "type information");
    assert_eq!((types.status, remedy(&types)), (Status::Missing, "build it with CONFIG_DEBUG_INFO_BTF=y"));
    assert_eq!(find(&facts, "record fields").found, "0 of 28");
    assert_eq!(find(&facts, "attach lsm").found, "not tried");
    assert_eq!(verdict(&facts), Verdict::Impossible);
}

#[test]
fn an_absent_member_is_named_with_what_alerts_lack() {
    let facts = Facts { absent_members: Ok(vec!["task_login_uid", "node_name"]), ..complete() };
    let record = find(&facts, "record fields");
    assert_eq!(record.found, "25 of 28; this kernel does not tell task_login_uid, node_name");
    assert_eq!(cost(&record), "alerts lack: login user id, container name (cgroup), pod name (cgroup's parent)");
    assert_eq!(find(&facts, "cgroups").status, Status::Degraded);
    assert_eq!(verdict(&facts), Verdict::Degraded);
}

#[test]
fn the_doctor_does_not_send_to_the_doctor() {
    let facts = blocked("the kernel refused koney's maps: too many; `koney-agent doctor` says what this kernel offers");
    let auto = find(&facts, "run --attach auto");
    assert_eq!((auto.found.as_str(), remedy(&auto)), ("the kernel refused koney's maps: too many", "mend what is missing above"));
}

#[test]
fn where_ebpf_is_refused_fanotify_keeps_watch_degraded() {
    let facts = Facts { fanotify: Ok(()), ..refusing(None) };
    assert_eq!(verdict(&facts), Verdict::Degraded);
    let auto = find(&facts, "run --attach auto");
    assert_eq!((auto.status, cost(&auto)), (Status::Degraded, fanotify::LIMITS));
    assert_eq!(auto.found, "uses fanotify, because no attach method works on this kernel");
    assert!(cost(&find(&facts, "attach lsm")).starts_with("no detection by this method"));
    let neither = refusing(None);
    assert_eq!(remedy(&find(&neither, "fanotify")), "it needs CAP_SYS_ADMIN");
    let without = Facts { fanotify: neither.fanotify, ..complete() };
    assert_eq!((find(&without, "fanotify").status, verdict(&without)), (Status::Missing, Verdict::Full), "lsm is used");
}

#[test]
fn privilege_is_told_from_the_rest() {
    assert_eq!(verdict(&unprivileged()), Verdict::NoPrivilege);
    assert_eq!(find(&unprivileged(), "CAP_BPF").status, Status::Missing);
    let admin = Facts { privilege: Privilege { effective: 1 << 21, ..complete().privilege }, ..complete() };
    assert_eq!(find(&admin, "CAP_PERFMON").found, "CAP_SYS_ADMIN stands for it, to attach programs that read kernel memory");
    assert_eq!(verdict(&admin), Verdict::Degraded, "not every decoy can be read");
    let inner = Facts { privilege: Privilege { initial_user_ns: false, ..complete().privilege }, ..refusing(None) };
    assert_eq!(verdict(&inner), Verdict::NoPrivilege, "root of a user namespace");
    let filtered = Facts { privilege: Privilege { seccomp_filter: true, ..complete().privilege }, ..refusing(None) };
    assert_eq!((find(&filtered, "seccomp").status, verdict(&filtered)), (Status::Missing, Verdict::Impossible));
}

#[test]
fn preemption_degrades_only_the_method_that_it_affects() {
    let facts = preempting();
    assert_eq!(find(&facts, "run --attach auto").status, Status::Degraded);
    assert_eq!(verdict(&facts), Verdict::Degraded);
    let environment = Environment { preemption: Preemption::Full, ..complete().environment };
    let facts = Facts { environment, ..complete() };
    assert_eq!(find(&facts, "attach fentry").status, Status::Degraded);
    assert_eq!(verdict(&facts), Verdict::Full, "lsm is used");
}

#[test]
fn where_the_agent_lives_is_told() {
    let facts = Facts { initial_pid_ns: false, openat2: Err("Function not implemented (os error 38)".to_owned()), ..complete() };
    assert_eq!(find(&facts, "pid namespace").status, Status::Degraded);
    assert_eq!(verdict(&facts), Verdict::Impossible, "nothing can be armed");
    let on = |v1, v2, names_from_v1| find(&Facts { cgroups: Cgroups { v1, v2, names_from_v1 }, ..complete() }, "cgroups");
    assert_eq!(on(true, true, true).found, "v1 and v2 (hybrid); containers are named by the memory controller of v1");
    assert_eq!(on(true, false, false).status, Status::Degraded);
    assert_eq!(on(false, false, false).status, Status::Missing);
}

#[test]
fn a_listed_but_refused_lsm_is_not_laid_to_the_list() {
    let facts = Facts { trials: Ok(vec![refused(Method::Lsm)]), taken: None, ..complete() };
    assert_eq!(find(&facts, "LSM list").found, WITH_BPF);
    assert!(remedy(&find(&facts, "attach lsm")).contains("does not say why"));
}

#[test]
fn a_hook_that_the_kernel_does_not_serve_says_what_goes_unseen() {
    let refusal = HookFailure { hook: Hook::Setxattr, reason: "refused at load: unknown function".to_owned() };
    let outcome = Ok(Fired { tells_misses: true, unwatched: vec![refusal] });
    let facts = Facts { trials: Ok(vec![Trial { method: Method::Lsm, outcome }]), ..complete() };
    let found = find(&facts, "hook setxattr");
    assert_eq!(found.status, Status::Degraded);
    assert_eq!(cost(&found), "setting a decoy's extended attributes goes unseen");
    assert_eq!(find(&facts, "hook unlink").found, "lsm inode_unlink");
    assert_eq!(verdict(&facts), Verdict::Full, "accesses are seen");
}

fn with_cluster(cluster: Cluster) -> Facts {
    Facts { cluster: Some(Ok(cluster)), ..complete() }
}

#[test]
fn a_cluster_with_koneys_definitions_says_what_is_lost_by_them() {
    let own = |word: &str| Some(Definition { status: true, words: vec![word.to_owned()] });
    let whole = Cluster { version: "v1.32.4".to_owned(), policies: own("ebpf"), sinks: own("alertmanager"), refused: Vec::new() };
    assert_eq!(verdict(&with_cluster(whole.clone())), Verdict::Full);
    let koneys = Some(Definition { status: false, words: vec!["tetragon".to_owned()] });
    let facts = with_cluster(Cluster { sinks: koneys, policies: own("tetragon"), ..whole.clone() });
    assert!(cost(&find(&facts, "DeceptionAlertSink")).starts_with("whether alerts arrive is in the agents' Leases only"));
    assert!(cost(&find(&facts, "DeceptionPolicy")).starts_with("the captor strategy ebpf is refused"));
    let facts = with_cluster(Cluster { policies: None, ..whole.clone() });
    assert_eq!(cost(&find(&facts, "DeceptionPolicy")), "nothing is watched");
    // An old server that does not publish the schema.
    let unknown = Some(Definition { status: true, words: Vec::new() });
    assert_eq!(verdict(&with_cluster(Cluster { policies: unknown, ..whole })), Verdict::Full);
}

#[test]
fn one_way_to_the_pods_is_enough_and_none_is_told() {
    let of = |resources: &[&str]| {
        let refused = RIGHTS.into_iter().filter(|right| resources.contains(&right.resource)).collect();
        let definition = Some(Definition { status: true, words: Vec::new() });
        with_cluster(Cluster { version: String::new(), policies: definition.clone(), sinks: definition, refused })
    };
    assert_eq!(find(&of(&["nodes/pods"]), "rights in the cluster").status, Status::Ok);
    let lacking = |facts: &Facts| {
        let findings = super::findings(facts).into_iter().filter(|finding| finding.check == "rights in the cluster");
        findings.map(|finding| finding.found).collect::<Vec<_>>()
    };
    assert_eq!(lacking(&of(&["nodes/pods", "pods"])), ["may not get nodes/pods", "may not list pods"]);
    assert_eq!(lacking(&of(&["leases"])), ["may not patch leases.coordination.k8s.io in the agent's namespace"]);
}
