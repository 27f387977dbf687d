//! koney's kernel programs: constant-time checks on every open and on changes of names, one full record for a touch of a trap.
//!
//! Takes the file; gives a record in the ring, or nothing; never changes what anyone may do. Built for the BPF
//! target by `cargo xtask build-ebpf`; on any other target this is an empty program, so that the workspace checks everywhere.
#![cfg_attr(target_arch = "bpf", no_std, no_main, feature(asm_experimental_arch))]
#![cfg_attr(
    target_arch = "bpf",
    expect(
        clippy::inline_always,
        reason = "a program is one function: the verifier follows no pointer of the record through a call on 5.10"
    ),
    expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::cast_sign_loss,
        reason = "the target has one width, and every length is masked or compared beside its cast"
    )
)]

#[cfg(target_arch = "bpf")]
mod arming;
#[cfg(target_arch = "bpf")]
mod candidate;
#[cfg(target_arch = "bpf")]
mod capture;
#[cfg(target_arch = "bpf")]
mod counters;
#[cfg(target_arch = "bpf")]
mod crowd;
#[cfg(target_arch = "bpf")]
mod denied;
#[cfg(target_arch = "bpf")]
mod every;
#[cfg(target_arch = "bpf")]
mod gate;
#[cfg(target_arch = "bpf")]
mod hooks;
#[cfg(target_arch = "bpf")]
mod kernel;
#[cfg(target_arch = "bpf")]
mod maps;
#[cfg(target_arch = "bpf")]
mod open;
#[cfg(target_arch = "bpf")]
mod overlay;
#[cfg(target_arch = "bpf")]
mod report;
#[cfg(target_arch = "bpf")]
mod slot;
#[cfg(target_arch = "bpf")]
mod tamper;
#[cfg(target_arch = "bpf")]
mod throttle;

/// Probe reads are GPL-only helpers and LSM programs must be GPL-compatible (`kernel/bpf/core.c`, `bpf_prog_is_gpl_compatible`).
#[cfg(target_arch = "bpf")]
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Never reached: the verifier refuses a program in which this loop could run.
#[cfg(target_arch = "bpf")]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[cfg(not(target_arch = "bpf"))]
fn main() {}
