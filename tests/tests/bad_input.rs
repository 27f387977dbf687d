//! What a user can get wrong before anything is watched: each is named with its cause and its remedy, and nothing panics.

use std::{fs, io, os::unix::fs::PermissionsExt as _, path::Path};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::{self, Agent, End, said},
    ingest::Ingest,
    manifests::{Sink, policy_named},
    stage::{Stage, skip},
};
use tokio::process::Command;

/// What follows a refusal where the kernel has fanotify.
const INSTEAD: &str = "`koney-agent run` keeps watch by fanotify instead, degraded: ";

/// Runs a command to its end; `arguments` go to the agent.
async fn agent(arguments: &[&str]) -> Result<End> {
    let mut command = Command::new(agent::program()?);
    command.args(arguments);
    end_of(command).await
}

async fn end_of(command: Command) -> Result<End> {
    let end = Agent::spawn(command)?.ended().await?;
    ensure!(!end.log.contains("panicked"), "{}", end.log);
    Ok(end)
}

/// The log's lines without time and module.
fn lines(end: &End) -> Vec<String> {
    end.log.lines().map(said).collect()
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("the temporary folder's name is text")
}

#[tokio::test]
async fn an_unreadable_manifest_folder_is_named_with_its_cause() -> Result<()> {
    let stage = Stage::new()?;
    let (missing, file) = (stage.path("missing"), stage.path("file"));
    fs::write(&file, "")?;
    for (folder, cause) in [(missing, "No such file or directory (os error 2)"), (file, "Not a directory (os error 20)")] {
        let end = agent(&["run", "--manifests", text(&folder)?]).await?;
        let expected =
            format!("ERROR cannot read the manifest folder {}: {cause}; create it, or name another one", folder.display());
        assert_eq!(lines(&end), [expected]);
        assert_eq!((end.status.code(), end.alerts), (Some(78), vec![]));
    }
    Ok(())
}

#[tokio::test]
async fn bad_usage_is_refused_before_anything_is_done() -> Result<()> {
    let cases: [(&[&str], &str); 4] = [
        (&[], "Usage: koney-agent [OPTIONS] <COMMAND>"),
        (&["watch"], "error: unrecognized subcommand 'watch'"),
        (
            &["probe", "--attach", "magic"],
            "error: invalid value 'magic' for '--attach <METHOD>': unknown attach method `magic`, expected auto, lsm, fentry, kprobe or fanotify",
        ),
        (&["--log", "loud", "probe"], "error: invalid value 'loud' for '--log <LEVEL>': error parsing level filter"),
    ];
    for (arguments, expected) in cases {
        let end = agent(arguments).await?;
        assert!(end.log.contains(expected), "{arguments:?}: {}", end.log);
        assert_eq!((end.status.code(), end.alerts), (Some(64), vec![]), "{arguments:?}");
    }
    Ok(())
}

#[tokio::test]
async fn outside_a_cluster_the_ways_in_are_named() -> Result<()> {
    let mut command = Command::new(agent::program()?);
    command.arg("run").env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBERNETES_SERVICE_PORT");
    let end = end_of(command).await?;
    let expected = "; run in a pod with a service account, name a kubeconfig file with --kubeconfig, or use --manifests to run \
                    without a cluster";
    let log = lines(&end);
    assert!(
        log.len() == 1 && log[0].starts_with("ERROR no API server is known here (") && log[0].ends_with(expected),
        "{}",
        end.log
    );
    assert_eq!((end.status.code(), end.alerts), (Some(78), vec![]));
    Ok(())
}

#[tokio::test]
async fn without_privilege_the_missing_capabilities_are_named() -> Result<()> {
    // The user nobody reaches neither the target folder of a root user nor a temporary folder that is not its own.
    let stage = Stage::new()?;
    let copy = stage.path("koney-agent");
    fs::copy(agent::program()?, &copy).context("copy the agent")?;
    fs::set_permissions(stage.path("."), fs::Permissions::from_mode(0o755))?;
    let mut command = Command::new(copy);
    command.arg("probe");
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let end = end_of(command).await?;
    let answer = "detection is not possible here: not enough privilege for eBPF: CAP_PERFMON and CAP_BPF missing; run as root, or \
                  grant them";
    assert_eq!((end.status.code(), end.alerts, end.log), (Some(77), vec![answer.to_owned()], String::new()));
    Ok(())
}

#[tokio::test]
async fn a_kernel_that_refuses_is_told_with_all_that_was_tried() -> Result<()> {
    let end = agent(&["probe"]).await?;
    let reason = match end.status.code() {
        Some(0) => "this kernel takes the programs",
        Some(77) => "not run as root",
        Some(69) if !Path::new("/sys/kernel/btf/vmlinux").exists() => "this kernel has no BTF",
        code => {
            assert_eq!((code, end.log.as_str()), (Some(69), ""));
            let Some((line, instead)) = end.alerts.split_first() else { anyhow::bail!("nothing is said") };
            assert!(line.starts_with("detection is not possible here: no attach method works on this kernel: lsm: "), "{line}");
            assert!(line.contains("; fentry: "), "{line}");
            assert!(line.ends_with("run it on the node itself"), "{line}");
            assert!(instead.iter().all(|line| line.starts_with(INSTEAD)) && instead.len() <= 1, "{instead:?}");
            return Ok(());
        }
    };
    skip("a_kernel_that_refuses_is_told_with_all_that_was_tried", reason)?;
    Ok(())
}

#[tokio::test]
async fn every_broken_manifest_is_named_with_file_line_field_reason_and_remedy() -> Result<()> {
    let stage = Stage::new()?;
    let good = policy_named("good", "/nowhere/good");
    stage.put("a-syntax.yaml", &good.replace("metadata:", "metadata: ["))?;
    stage.put("b-type.yaml", &good.replace("filePath: /nowhere/good", "filePath: 7"))?;
    stage.put("c-relative.yaml", &good.replace("filePath: /nowhere", "filePath: nowhere"))?;
    let sink = Sink { severity: "URGENT".to_owned(), ..Sink::of("loud", &Ingest::absent(&stage.path("ingest")).await?) };
    stage.put("d-severity.yaml", &format!("{}---\n{}", sink.resource(), sink.secret()))?;
    stage.put("e-no-secret.yaml", &Sink { severity: "LOW".to_owned(), name: "lone".to_owned(), ..sink }.resource())?;
    fs::write(stage.manifests().join("f-latin1.yaml"), b"# caf\xe9\n")?;
    stage.put("g-good.yaml", &good)?;

    let agent = stage.start()?;
    agent.logged("f-latin1.yaml").await?;
    // A kernel that refuses ends the agent, any other lets it run: both have told what is wrong by now.
    let end = agent.stop().await?;
    assert!(!end.log.contains("panicked"), "{}", end.log);
    let told: Vec<_> = lines(&end).into_iter().filter(|line| line.contains("manifest")).collect();
    let file_path = r#"object="DeceptionPolicy/good" field="spec.traps[0].filesystemHoneytoken.filePath""#;
    assert_eq!(
        told,
        [
            r#"ERROR manifest not in force file="a-syntax.yaml" line=5 reason="is not valid YAML (while parsing a flow mapping, did not find expected ',' or '}')" remedy="correct the syntax""#.to_owned(),
            format!(
                r#"ERROR manifest not in force file="b-type.yaml" line=9 {file_path} reason="must be a string, got integer `7`" remedy="put the value in quotes""#
            ),
            format!(
                r#"ERROR manifest not in force file="c-relative.yaml" line=9 {file_path} reason="must be absolute, got \"nowhere/good\"" remedy="write it with a leading /""#
            ),
            r#"ERROR manifest not in force file="d-severity.yaml" line=9 object="DeceptionAlertSink/koney-system/loud" field="spec.dynatrace.severity" reason="unknown severity `URGENT`, expected one of CRITICAL, HIGH, MEDIUM, LOW" remedy="use one of these""#.to_owned(),
            r#"WARN manifest questionable file="e-no-secret.yaml" line=8 object="DeceptionAlertSink/koney-system/lone" field="spec.dynatrace.secretName" reason="there is no Secret \"lone-ingest\" in the agent's namespace" remedy="add it to the folder""#.to_owned(),
            r#"ERROR manifest not in force file="f-latin1.yaml" line=1 reason="is not UTF-8" remedy="save it as UTF-8""#.to_owned(),
        ]
    );
    Ok(())
}

#[tokio::test]
#[ignore = "needs a kernel that takes the programs; `cargo xtask test` runs it in a VM"]
async fn a_kernel_without_type_information_is_named_with_what_it_lacks() -> Result<()> {
    let agent = agent::program()?;
    let hide = "mount --make-rprivate / && mount -t tmpfs none /sys/kernel/btf && exec \"$0\" probe";
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", hide]).arg(&agent);
    let end = end_of(command).await?;
    let answer = format!(
        "detection is not possible here: this kernel has no type information (/sys/kernel/btf/vmlinux: {}); koney needs a kernel \
         built with CONFIG_DEBUG_INFO_BTF=y, as the stock kernels of current distributions are",
        io::Error::from_raw_os_error(2)
    );
    let [said, instead] = end.alerts.as_slice() else { anyhow::bail!("not two lines: {:?}", end.alerts) };
    assert_eq!((end.status.code(), said, end.log), (Some(69), &answer, String::new()));
    assert!(instead.starts_with(INSTEAD), "{instead}");
    assert!(Path::new("/sys/kernel/btf/vmlinux").exists(), "hidden from the agent alone");
    Ok(())
}
