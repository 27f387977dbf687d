//! Where things are: the checkout, its target folder, the user's cache.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

/// The top of the checkout.
pub(crate) fn root() -> PathBuf {
    // `cargo run` says where the crate is now; the path compiled in may be another checkout with the same target folder.
    let manifest = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    manifest.parent().map_or_else(|| manifest.clone(), Path::to_path_buf)
}

/// Cargo's target folder.
pub(crate) fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |dir| root().join(dir))
}

/// koney's folder in the user's cache: tools and kernels that outlive a checkout.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => env::home_dir().context("no home folder for the cache: set HOME or XDG_CACHE_HOME")?.join(".cache"),
    };
    Ok(base.join("koney"))
}

/// Cargo for the host, as the developer would have typed it.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(root()).env("CARGO_TARGET_DIR", target());
    forget_outer_cargo(&mut command, |name| {
        ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"].iter().any(|prefix| name.starts_with(prefix))
    });
    command
}

/// Removes from a command's environment what the `cargo run` around us has set and `which` matches.
pub(crate) fn forget_outer_cargo(command: &mut Command, which: impl Fn(&str) -> bool) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(&which) {
            command.env_remove(name);
        }
    }
    // Points at the libraries of the toolchain that runs xtask.
    command.env_remove("LD_LIBRARY_PATH");
}

/// Removes what the toolchain that runs xtask says of itself in dozens of variables, for a cargo of another one; what speaks of the
/// network and of the registry stays.
pub(crate) fn forget_toolchain(command: &mut Command) {
    forget_outer_cargo(command, |name| {
        let keep = ["CARGO_HOME", "CARGO_HTTP_", "CARGO_NET_", "CARGO_REGISTR", "CARGO_TERM_", "CARGO_SOURCE_"];
        let drop = ["CARGO", "RUSTC", "RUSTFLAGS", "RUSTDOC", "RUSTUP_TOOLCHAIN", "RUST_RECURSION_COUNT"];
        drop.iter().any(|prefix| name.starts_with(prefix)) && !keep.iter().any(|prefix| name.starts_with(prefix))
    });
}

/// Replaces a file in one step, so that nobody reads half of it.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().with_context(|| format!("{} has no folder", path.display()))?;
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    let draft = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&draft, bytes).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, path).with_context(|| format!("cannot replace {}", path.display()))
}
