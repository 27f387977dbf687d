//! Embeds the eBPF object where `cargo xtask build-ebpf` has made it, and an empty stub elsewhere: unit tests, clippy and docs need
//! no BPF compiler.

use std::{env, fs, path::PathBuf};

fn main() {
    println!("cargo:rerun-if-env-changed=KONEY_EBPF_OBJECT");
    println!("cargo:rerun-if-env-changed=CARGO_TARGET_DIR");
    let object = object_path();
    println!("cargo:rerun-if-changed={}", object.display());
    let embedded = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR")).join("koney-ebpf.o");
    if object.is_file() {
        fs::copy(&object, &embedded).expect("copy the eBPF object into OUT_DIR");
    } else {
        println!("cargo:warning=no eBPF object, the agent will not detect anything; run `cargo xtask build-ebpf`");
        fs::write(&embedded, []).expect("write the stub into OUT_DIR");
    }
}

fn object_path() -> PathBuf {
    if let Some(path) = env::var_os("KONEY_EBPF_OBJECT") {
        return path.into();
    }
    let workspace = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR")).join("..");
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from);
    workspace.join(target).join("ebpf/koney-ebpf.o")
}
