//! `koney-agent doctor`: what it says is what the machine does, and its exit code sums it up.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path, process::Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use koney_tests::{
    agent::{self, Agent, End},
    manifests::policy_named,
    stage::{Stage, skip},
};
use serde_json::Value;
use tokio::process::Command;

/// Runs the doctor, started by `command`, to its end.
async fn doctor(mut command: Command, arguments: &[&str]) -> Result<End> {
    command.arg("doctor").args(arguments).env_remove("KONEY_LOG").stdin(Stdio::null());
    let end = Agent::spawn(command)?.ended().await?;
    ensure!(end.log.is_empty(), "the log: {}", end.log);
    Ok(end)
}

async fn here(arguments: &[&str]) -> Result<End> {
    doctor(Command::new(agent::program()?), arguments).await
}

/// The row of a check, with what stands below it.
fn row(end: &End, check: &str) -> Result<String> {
    let starts = |line: &String| line.get(10..).is_some_and(|rest| rest.starts_with(&format!("{check}  ")));
    let mut lines = end.alerts.iter().skip_while(|line| !starts(line));
    let first = lines.next().with_context(|| format!("no row {check}: {:#?}", end.alerts))?;
    let below = lines.take_while(|line| line.starts_with(' '));
    let words = std::iter::once(first).chain(below).flat_map(|line| line.split_whitespace());
    Ok(words.collect::<Vec<_>>().join(" "))
}

fn verdict(end: &End) -> &str {
    end.alerts.last().map_or("", String::as_str)
}

/// The rows are aligned, each has a status, and the last line agrees with the exit code.
fn consistent(end: &End) -> Result<()> {
    let [head, rows @ .., _empty, verdict] = end.alerts.as_slice() else { bail!("no table: {:#?}", end.alerts) };
    let found = head.find("FOUND").context("the head names the columns")?;
    for line in rows {
        let (start, what) = line.split_at_checked(found).with_context(|| line.clone())?;
        ensure!(start.ends_with("  ") && !what.starts_with(' ') || line.starts_with(' '), "{line}");
        ensure!(["ok ", "degraded ", "missing ", " "].iter().any(|status| line.starts_with(status)), "{line}");
    }
    let expected = match end.status.code() {
        Some(0) => "detection is possible in full; ",
        Some(1) => "detection is possible but degraded, see: ",
        Some(69) => "detection is not possible here, see: ",
        Some(77) => "detection is not possible with this privilege, see: ",
        code => bail!("exit code {code:?}: {verdict}"),
    };
    ensure!(verdict.starts_with(expected), "{:?}: {verdict}", end.status);
    Ok(())
}

#[tokio::test]
async fn the_answer_here_agrees_with_itself_and_with_probe() -> Result<()> {
    let end = here(&[]).await?;
    consistent(&end)?;
    let mut probe = Command::new(agent::program()?);
    probe.arg("probe");
    let probed = Agent::spawn(probe)?.ended().await?.status.code();
    // `probe` knows no degrees, and to it fanotify is none at all.
    let expected = match end.status.code() {
        Some(0 | 1) if verdict(&end).ends_with("uses fanotify") => Some(69),
        Some(1) => Some(0),
        code => code,
    };
    assert_eq!(probed, expected, "{:#?}", end.alerts);
    Ok(())
}

#[tokio::test]
async fn a_refusal_is_told_with_its_errno_and_without_a_guess() -> Result<()> {
    let end = here(&[]).await?;
    let tried: Vec<_> = end.alerts.iter().filter(|line| line.starts_with("missing   attach ")).collect();
    let used = row(&end, "run --attach auto")?;
    if !used.contains("no attach method works on this kernel") {
        skip("a_refusal_is_told_with_its_errno_and_without_a_guess", "this kernel does not refuse root's programs")?;
        return Ok(());
    }
    let by_fanotify = used.starts_with("degraded ");
    assert_eq!(end.status.code(), Some(if by_fanotify { 1 } else { 69 }), "{used}");
    let confidential = row(&end, "lockdown")?.contains("confidentiality");
    for line in tried {
        let check: Vec<_> = line.split_whitespace().skip(1).take(2).collect();
        let row = row(&end, &check.join(" "))?;
        assert!(row.contains("(os error ") || row.contains(" not tried, "), "{row}");
        assert!(confidential || !row.contains("lockdown"), "{row}");
    }
    Ok(())
}

#[tokio::test]
async fn json_says_the_same_as_the_table() -> Result<()> {
    let (text, json) = (here(&[]).await?, here(&["-o", "json"]).await?);
    assert_eq!(text.status.code(), json.status.code());
    let json: Value = serde_json::from_str(&json.alerts.join("\n")).context("one JSON object")?;
    for finding in json["findings"].as_array().context("findings")? {
        let [check, status] = ["check", "status"].map(|key| finding[key].as_str().unwrap_or_default());
        assert!(row(&text, check)?.starts_with(&format!("{status} {check} ")), "{finding}");
    }
    let verdict = json["verdict"].as_str().context("a verdict")?;
    let code = [("full", 0), ("degraded", 1), ("impossible", 69), ("no-privilege", 77)].into_iter().find(|(n, _)| *n == verdict);
    assert_eq!(code.map(|(_, code)| code), text.status.code());
    Ok(())
}

#[tokio::test]
async fn without_privilege_it_is_privilege_that_lacks() -> Result<()> {
    // The user nobody reaches neither the target folder of a root user nor a temporary folder that is not its own.
    let stage = Stage::new()?;
    let copy = stage.path("koney-agent");
    fs::copy(agent::program()?, &copy).context("copy the agent")?;
    fs::set_permissions(stage.path("."), fs::Permissions::from_mode(0o755))?;
    let mut command = Command::new(copy);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let end = doctor(command, &[]).await?;
    consistent(&end)?;
    assert_eq!(end.status.code(), Some(77), "{:#?}", end.alerts);
    assert_eq!(verdict(&end), "detection is not possible with this privilege, see: CAP_BPF, CAP_PERFMON");
    assert!(row(&end, "CAP_BPF")?.contains("remedy: run as root, or grant it"));
    Ok(())
}

#[tokio::test]
async fn manifests_are_validated_on_the_way() -> Result<()> {
    let stage = Stage::new()?;
    stage.put("good.yaml", &policy_named("good", "/nowhere/good"))?;
    stage.put("evil\n\u{1b}[2J.yaml", "kind: [")?;
    let folder = stage.manifests().to_str().context("the temporary folder's name is text")?;
    let end = here(&["--manifests", folder]).await?;
    consistent(&end)?;
    assert_ne!(end.status.code(), Some(0), "a problem is not all in order");
    let counts = "manifests policies: 1; traps: 1, valid: 1, watched: 1; sinks: 0; problems: 1;";
    assert!(row(&end, "manifests")?.contains(counts), "{:#?}", end.alerts);
    assert!(row(&end, "manifest")?.starts_with(r"degraded manifest evil\n\u{1b}[2J.yaml:"), "{:#?}", end.alerts);
    Ok(())
}

/// `bpf` is in the list of this kernel.
fn bpf_lsm() -> Result<bool> {
    let list = fs::read_to_string("/sys/kernel/security/lsm").context("securityfs is mounted in the guest")?;
    Ok(list.trim().split(',').any(|name| name == "bpf"))
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn detection_is_possible_by_what_the_kernel_offers() -> Result<()> {
    let end = here(&[]).await?;
    consistent(&end)?;
    let (list, lsm) = (row(&end, "LSM list")?, row(&end, "attach lsm")?);
    assert_eq!(row(&end, "record fields")?, "ok record fields 28 of 28");
    if bpf_lsm()? {
        assert_eq!((end.status.code(), verdict(&end)), (Some(0), "detection is possible in full; `run --attach auto` uses lsm"));
        assert!(list.starts_with("ok ") && lsm.contains("attached, canary seen, detached"), "{list}\n{lsm}");
    } else {
        assert!(matches!(end.status.code(), Some(0 | 1)), "{:#?}", end.alerts);
        assert!(
            list.contains("costs: LSM, which neither misses") && list.contains(",bpf to the kernel's command line"),
            "{list}"
        );
        assert!(lsm.starts_with("missing ") && lsm.contains("remedy: see LSM list"), "{lsm}");
        assert!(!row(&end, "run --attach auto")?.contains("uses lsm"));
    }
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn what_is_hidden_is_named_and_nothing_is_left_behind() -> Result<()> {
    let hide = |path: &str| format!("mount --make-rprivate / && mount -t tmpfs none {path} && exec \"$0\" \"$@\"");
    let hidden = |path: &str| -> Result<Command> {
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", &hide(path)]).arg(agent::program()?);
        Ok(command)
    };
    let end = doctor(hidden("/sys/kernel/btf")?, &[]).await?;
    assert_eq!(end.status.code(), Some(1), "fanotify needs no type information: {:#?}", end.alerts);
    assert!(verdict(&end).ends_with("uses fanotify"), "{}", verdict(&end));
    let types = row(&end, "type information")?;
    assert!(types.contains(&io::Error::from_raw_os_error(2).to_string()) && types.contains("CONFIG_DEBUG_INFO_BTF=y"), "{types}");
    let end = doctor(hidden("/sys/kernel/security")?, &[]).await?;
    assert!(row(&end, "LSM list")?.contains("not known"), "{:#?}", end.alerts);
    consistent(&end)?;
    assert!(Path::new("/sys/kernel/btf/vmlinux").exists(), "hidden from the agent alone");
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn namespaces_of_its_own_are_told() -> Result<()> {
    let inside = |arguments: &[&str]| -> Result<Command> {
        let mut command = Command::new("unshare");
        command.args(arguments).arg(agent::program()?);
        Ok(command)
    };
    let end = doctor(inside(&["--fork", "--pid", "--mount-proc"])?, &[]).await?;
    assert_eq!(end.status.code(), Some(1), "{:#?}", end.alerts);
    assert!(row(&end, "pid namespace")?.starts_with("degraded pid namespace one of its own"));
    let end = doctor(inside(&["-r", "-U"])?, &[]).await?;
    assert_eq!(end.status.code(), Some(77), "root of a user namespace: {:#?}", end.alerts);
    assert!(row(&end, "user namespace")?.starts_with("missing user namespace not the initial one"));
    Ok(())
}
