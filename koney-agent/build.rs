//! Puts the kernel programs into the agent, if they have been built.
//!
//! They take a compiler that not everyone has (`cargo xtask build-ebpf`), so without them everything still builds: the
//! agent then carries an empty object and says at start what to run.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

fn main() {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    println!("cargo:rerun-if-env-changed=KONEY_EBPF_OBJECT");
    let bytes = match env::var_os("KONEY_EBPF_OBJECT").map(PathBuf::from) {
        Some(object) => {
            println!("cargo:rerun-if-changed={}", object.display());
            fs::read(&object).unwrap_or_else(|error| panic!("KONEY_EBPF_OBJECT={}: {error}", object.display()))
        }
        // Each architecture has its own: a kprobe program reads the machine's registers.
        None => built(&target(&out).join("ebpf").join(env::var_os("CARGO_CFG_TARGET_ARCH").expect("cargo sets it"))),
    };
    println!("cargo:rustc-env=KONEY_RUSTC={}", compiler());
    fs::write(out.join("koney-ebpf.o"), bytes).expect("OUT_DIR is writable");
}

/// The version of the compiler, for example `1.96.0`.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").expect("cargo sets RUSTC");
    let told = Command::new(rustc).arg("--version").output().expect("the compiler that is about to be used says its version");
    String::from_utf8_lossy(&told.stdout).split(' ').nth(1).unwrap_or_default().trim().to_owned()
}

/// The object that xtask has left in `folder`, or nothing.
fn built(folder: &Path) -> Vec<u8> {
    // To cargo a file that is missing has always changed, and the agent would be built anew each time: its folder is
    // watched instead.
    fs::create_dir_all(folder).expect("the target folder is writable");
    println!("cargo:rerun-if-changed={}", folder.display());
    fs::read(folder.join("koney-ebpf.o")).unwrap_or_else(|_| {
        println!("cargo:warning=no eBPF object; run `cargo xtask build-ebpf`");
        Vec::new()
    })
}

/// Cargo's target folder, which only the place of our own output tells: `TARGET/[TRIPLE/]PROFILE/build/NAME/out`.
fn target(out: &Path) -> PathBuf {
    let above = out.ancestors().nth(4).expect("OUT_DIR lies four folders deep");
    let triple = env::var_os("TARGET").expect("cargo sets TARGET");
    match above.parent() {
        Some(parent) if above.file_name() == Some(&triple) => parent.to_owned(),
        _ => above.to_owned(),
    }
}
