//! What root sees of an agent that watches containers by eBPF: by `koney-agent status`, and on its page.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use koney_tests::{
    agent::{self, until},
    cluster::{DECOY, NODE, Node},
    container::Spawn,
    receivers,
};
use serde_json::Value;

/// What a command says of the agent with this state.
fn ask(node: &Node, words: &[&str]) -> Result<(Option<i32>, String)> {
    let mut command = Command::new(agent::program()?);
    command.args(words).arg("--state").arg(node.path("cluster/state")).stdin(Stdio::null());
    let output = command.output().context("start the command")?;
    Ok((output.status.code(), String::from_utf8(output.stdout)?.trim().to_owned()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a kernel that takes eBPF; run by `cargo xtask test`"]
async fn status_and_the_page_tell_of_containers_and_of_what_is_attached() -> Result<()> {
    let node = Node::new().await?;
    let (web, _other) = node.twins().await?;
    let agent = node.agent_with(&["--admin", "127.0.0.1:0"])?;
    agent.logged("traps armed=1 traps=1").await?;
    agent.logged("root can talk to this agent").await?;
    agent.logged("the page can be had").await?;
    for _ in 0..2 {
        Spawn::program(["cat", DECOY]).inside(&web).await?.exit().await?;
    }
    agent.alerts(2).await?;

    // The kernel's counters are read each second.
    let is_counted = |status: &Value| {
        let emitted = status.pointer("/detection/counters/emitted").and_then(Value::as_u64);
        status["traps"][0]["accesses"] == 2 && emitted >= Some(2)
    };
    let status = || -> Option<Value> {
        let (_, printed) = ask(&node, &["status", "-o", "json"]).ok()?;
        serde_json::from_str(&printed).ok().filter(is_counted)
    };
    let status = until(status).await.context("both accesses are counted")?;
    let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    assert_eq!((text("/agent/node"), text("/traps/0/path"), text("/traps/0/state")), (NODE, DECOY, "armed"));
    let of = "/traps/0/container";
    let container = ["namespace", "pod", "name", "id"].map(|field| text(&format!("{of}/{field}")));
    assert_eq!(container, ["koney-demo", "web-1", "main", web.id.as_str()]);
    assert_eq!((text("/accesses/0/path"), text("/accesses/0/container/pod")), (DECOY, "web-1"));
    assert_eq!(status["traps"].as_array().map(Vec::len), Some(1), "its twin is nobody's");

    let method = text("/detection/method");
    ensure!(["lsm", "fentry", "kprobe"].contains(&method), "{method}");
    let hooks = status.pointer("/detection/hooks").and_then(Value::as_array).context("it has hooks")?;
    let open = hooks.iter().find(|hook| hook["name"] == "file_open").with_context(|| format!("{hooks:#?}"))?;
    ensure!(open["attached"] == true && open["place"].as_str().is_some_and(|place| place.starts_with(method)), "{open}");
    // What this kernel lets nobody watch is told with its reason.
    ensure!(hooks.iter().all(|hook| hook["attached"] == true || hook["reason"].is_string()), "{hooks:#?}");

    let (code, table) = ask(&node, &["status"])?;
    ensure!(code == Some(0) && table.contains("TRAPS: 1 armed") && table.contains("koney-demo/web-1"), "{table}");

    let (_, url) = ask(&node, &["page"])?;
    let (authority, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).context("it has an address")?;
    let address = authority.parse().with_context(|| url.clone())?;
    let page = receivers::get(address, &format!("/{path}")).await?;
    for told in [DECOY, "web-1", "koney-demo", method, "armed", NODE] {
        ensure!(page.contains(told), "{told} is not on the page: {page}");
    }
    let without_key = receivers::get(address, "/").await?;
    ensure!(!without_key.contains(DECOY), "decoys are for those who have the key: {without_key}");
    agent.stop().await.map(drop)
}
