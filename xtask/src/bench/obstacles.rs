//! What stands between a figure and its aim, each with the measurement that shows it. By the beginning of the target's name.

/// Of targets whose aim is not reached everywhere.
const OBSTACLES: &[(&str, &str)] = &[
    (
        "added to one open+close",
        "LSM is there from 6.12 on, and on 5.10. By fentry, and on 6.1 by LSM as well, the check's arguments are not trusted to the verifier \
         (`kernel/bpf/verifier.c`, `prog_args_trusted`), and the kernel's compiler guards each of its seven loads with seven more instructions \
         (`arch/x86/net/bpf_jit_comp.c`, `BPF_PROBE_MEM`): the same check is 28 instructions longer than by LSM, four loads' guards.",
    ),
    (
        "the same, kprobe",
        "Before 6.2 a kprobe has no way to a typed pointer (`bpf_rdonly_cast`), so each of four objects is a call of `bpf_probe_read_kernel`, of \
         about a hundred instructions: 506 on 6.1, 92 on 6.12.",
    ),
];

/// What is known of a target.
pub(crate) fn of(target: &str) -> Option<&'static str> {
    OBSTACLES.iter().find(|(start, _)| target.starts_with(start)).map(|(_, obstacle)| *obstacle)
}
