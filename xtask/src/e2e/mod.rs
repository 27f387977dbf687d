//! `cargo xtask e2e`: the whole story on a real cluster, one that is named or one that is started here.

mod guest;
mod images;
mod node;
mod servers;
mod stage;
mod within;

use std::{env, net::UdpSocket, path::Path, process::Command};

use anyhow::{Context as _, Result};

use crate::{cli::E2eArgs, process, test, ui, workspace};

/// `cargo xtask e2e`.
pub(crate) fn command(args: &E2eArgs) -> Result<u8> {
    if let Some(written) = &args.within {
        return within::run(written);
    }
    let story = story()?;
    let Some(kubeconfig) = &args.kubeconfig else { return stage::Stage::set(story, args)?.play() };
    let manifest = args.manifest.clone().unwrap_or_else(|| workspace::root().join("deploy/install.yaml"));
    let address = match &args.sink_address {
        Some(address) => address.clone(),
        None => own_address()?,
    };
    let mut story = Command::new(story);
    story.arg(kubeconfig).arg(manifest).arg(&args.image).arg(address);
    if let Some(restart) = &args.restart_node {
        story.args(["--restart-node", restart]);
    }
    story.arg("--helm").arg(crate::chart::client(&workspace::target())?).arg("--chart").arg(crate::chart::folder());
    status(&mut story)
}

/// Runs the story with what it says where the user sees it; gives how it ended.
fn status(story: &mut Command) -> Result<u8> {
    let status = story.status().with_context(|| format!("cannot start {}", process::describe(story)))?;
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// The program that tells it.
fn story() -> Result<std::path::PathBuf> {
    ui::step("build the story");
    let programs = test::programs(crate::arch::Arch::here()?)?;
    let found = programs.into_iter().find(|program| program.file_name().is_some_and(|name| name == "koney-e2e"));
    found.context("the workspace has no program koney-e2e")
}

/// The address that this machine has for others. Nothing is sent.
fn own_address() -> Result<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").context("no socket")?;
    let route = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let address = route.context("this machine has no address for others: name one with --sink-address")?;
    Ok(address.ip().to_string())
}

/// Folders of the user's cache are nobody else's business.
fn path_with(first: &Path) -> Result<std::ffi::OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::join_paths([first.to_owned()].into_iter().chain(env::split_paths(&path))).context("PATH cannot be extended")
}
