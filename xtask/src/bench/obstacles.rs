//! What stands between a figure and its aim, each with the measurement that shows it. By the beginning of the target's name.

/// Of targets whose aim is not reached everywhere.
const OBSTACLES: &[(&str, &str)] = &[
    (
        "added to one open+close",
        "LSM is there from 6.12 on. By fentry, and on 6.1 by LSM as well, the check's arguments are not trusted to the verifier \
         (`kernel/bpf/verifier.c`, `prog_args_trusted`), and the kernel's compiler guards each of its seven loads with seven more instructions \
         (`arch/x86/net/bpf_jit_comp.c`, `BPF_PROBE_MEM`): the same check is 28 instructions longer than by LSM, four loads' guards.",
    ),
    (
        "the same, kprobe",
        "Before 6.2 a kprobe has no way to a typed pointer (`bpf_rdonly_cast`), so each of four objects is a call of `bpf_probe_read_kernel`, of \
         about a hundred instructions: 509 on 6.1, 93 on 6.12.",
    ),
    (
        "the same with 100,000",
        "It does not grow with the number (1,000 and 100,000 are the same to the last digit), but differs from one trap: file systems count their \
         inodes alike, so a file elsewhere has the number of some decoy and is asked for its device too, 21 instructions by LSM and 35 by fentry \
         and kprobe, whose two loads are guarded. One question for number and device together would make all opens alike, at the price of \
         those with few traps.",
    ),
    (
        "binary / image",
        "The image is there. The binary is not: TLS, HTTP and the cluster's types are most of it, and it is built for size already.",
    ),
];

/// What is known of a target.
pub(crate) fn of(target: &str) -> Option<&'static str> {
    OBSTACLES.iter().find(|(start, _)| target.starts_with(start)).map(|(_, obstacle)| *obstacle)
}
