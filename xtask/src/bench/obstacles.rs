//! What stands between a figure and its aim, each with the measurement that shows it. By the beginning of the target's name.

/// Of targets whose aim is not reached everywhere.
const OBSTACLES: &[(&str, &str)] = &[
    (
        "added to one open+close",
        "Each object that the check looks into (file, inode, super block, mount, directory entry) is a load, and those that the verifier does not trust \
         (`kernel/bpf/verifier.c`, `prog_args_trusted`; by LSM the later ones, by fentry all, on 6.1 all) the kernel's compiler guards with seven \
         more instructions (`arch/x86/net/bpf_jit_comp.c`, `BPF_PROBE_MEM`): the same check is 35 instructions longer by fentry than by LSM. \
         Asking the inode's number before its device took LSM to 60 with one trap, and to 81 with a thousand.",
    ),
    (
        "the same, kprobe",
        "Before 6.2 a kprobe has no way to a typed pointer (`bpf_rdonly_cast`), so each of five objects is a call of `bpf_probe_read_kernel`, of \
         about a hundred instructions: 548 on 6.1, 112 on 6.12.",
    ),
    (
        "the same with 100,000",
        "With 200,000 keys a file in eleven finds its first slot taken and is asked again, and one in 190 finds all three taken and is looked up.",
    ),
    (
        "real open",
        "In a guest, whose processors are emulated several times slower than the machine they run on, and a TLS handshake is arithmetic.",
    ),
    ("resident memory", "Of 22 MiB idle, 11 are pages of the binary's file, 11 what it keeps of 1,000 traps and 300 containers."),
    (
        "start to armed",
        "Measured in a guest that is emulated, with 300 containers and their 1,000 traps, and so a must that is neither met nor refuted: no machine \
         that takes these programs natively was at hand.",
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
