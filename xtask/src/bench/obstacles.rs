//! What stands between a figure and its aim, each with the measurement that shows it. By the beginning of the target's name.

/// Of targets whose aim is not reached everywhere.
const OBSTACLES: &[(&str, &str)] = &[
    (
        "added to one open+close",
        "The check looks into five objects (file, inode, super block, mount, directory entry), and loads that the verifier does not trust \
         (`kernel/bpf/verifier.c`, `prog_args_trusted`) the kernel's compiler guards with seven more instructions \
         (`arch/x86/net/bpf_jit_comp.c`, `BPF_PROBE_MEM`): on 6.12 the same check is 35 longer by fentry than by LSM, five loads' guards. \
         Asking the inode's number before its device took LSM to 60 with one trap, and to 81 with a thousand.",
    ),
    (
        "the same, kprobe",
        "Before 6.2 a kprobe has no way to a typed pointer (`bpf_rdonly_cast`), so each of five objects is a call of `bpf_probe_read_kernel`, of \
         about a hundred instructions: 547 on 6.1, 112 on 6.12.",
    ),
    (
        "the same with 100,000",
        "With 200,000 keys a file in eleven finds its first slot taken and is asked again, and one in 190 finds all three taken and is looked up.",
    ),
    (
        "real open",
        "Measured in a guest, whose processors are emulated several times slower than the machine they run on; its disk is the machine's. By a clock of \
         instructions the whole way takes 1.3 million of them with a connection open and 6.1 without, the intruder, the sink and both ends of TLS \
         included: at two a nanosecond 0.6 and 3 ms, and the syncs, of 0.2 ms each on this machine's disk, beside them. From a record to the socket, \
         which needs no guest, it is 0.7 to 1.1 ms on this machine, syncs included.",
    ),
    (
        "records decoded",
        "A record of a container takes 1.7 microseconds more than one of the host, of which matching it to its policies is 0.4, and pod and workload in \
         its alert 0.2. The rest has not been measured by stages; its cgroup's names are parsed anew in each of seven places.",
    ),
    (
        "resident memory",
        "Idle, 12.4 MiB are anonymous memory, which swings between 10 and 13 over an hour of churn; the rest are pages of the binary, whose 14.5 MB are \
         read as they are used, and of the kernel's maps.",
    ),
    (
        "start to armed",
        "Nearly all of it is the verifier's, which follows the same capture of a record in each of eight programs (26,000 to 33,000 instructions each, \
         `verified_insns`): 0.9 of 1.1 billion in the kernel on 6.12. The programs are loaded on all processors at once; the estimate is for one, and \
         rests on the pipeline's work, of whose copies each step of a `rep movs` was counted: no processor does so many instructions in a nanosecond, \
         and the kernel's may take several times as long. At two a nanosecond a start still takes less than the second.",
    ),
    (
        "binary / image",
        "The image is there. The binary is not, though it is built for size. By its sections (`readelf`) 10.4 MB are code, 1.7 constants, 1.6 the tables by \
         which a panic unwinds, because a task that panics is started again, and 0.5 the relocations of a program that lies anywhere. By the symbols \
         (`nm`) of a build that keeps them 1.3 MB of the code are koney's own; the store of the queues, JSON, YAML and the cluster's types have 0.5 to \
         0.7 each.",
    ),
];

/// What is known of a target.
pub(crate) fn of(target: &str) -> Option<&'static str> {
    OBSTACLES.iter().find(|(start, _)| target.starts_with(start)).map(|(_, obstacle)| *obstacle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::{report, targets};

    #[test]
    fn what_has_not_reached_its_aim_names_its_obstacle() {
        let recorded = report::read(&report::recorded()).expect("what was measured is kept");
        let targets = targets::all(&recorded);
        let silent: Vec<_> =
            targets.iter().filter(|target| target.reached > targets::Reached::Aim && of(target.what).is_none()).collect();
        assert!(silent.is_empty(), "{:?}", silent.iter().map(|target| target.what).collect::<Vec<_>>());
        assert!(targets.iter().any(|target| target.reached > targets::Reached::Aim), "then there is nothing left to do");
    }
}
