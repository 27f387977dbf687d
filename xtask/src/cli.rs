//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::arch::Arch;

/// Everything a koney developer runs.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Install what is missing on this machine to build and test koney
    Setup(SetupArgs),
    /// Build the kernel programs and put the object where the agent's build finds it
    BuildEbpf,
    /// Run a command as root inside a chosen kernel and exit with its status, or a whole suite in many
    Vm(VmArgs),
    /// Run all tests: on the host, then in every kernel of the matrix
    Test(TestArgs),
    /// Make an image of the agent, as an OCI archive, without any daemon
    Image(ImageArgs),
    /// Make what comes from records, from the agent's types and from the chart
    Generate(GenerateArgs),
    /// Check format, lints, docs and the rules of the house
    Lint,
    /// Hand koney's readers of foreign bytes whatever libFuzzer comes up with; exit 1 if anything breaks them
    Fuzz(FuzzArgs),
    /// Tell the whole story on a real cluster: install, watch, touch, tell, rotate, restart, uninstall
    E2e(E2eArgs),
    /// Show the main job end to end: a trap, an access, an alert
    Demo(DemoArgs),
    /// Measure what koney costs and how fast it is, beside its peers
    Bench(BenchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SetupArgs {
    /// Only say what is missing; exit 1 if anything is
    #[arg(long)]
    pub(crate) check: bool,
    /// Bring installed packages that stand in the way to the version of apt's sources
    #[arg(long)]
    pub(crate) allow_downgrades: bool,
    /// Kernel series to have besides those of the test matrix
    #[arg(long, value_name = "SERIES", value_delimiter = ',')]
    pub(crate) kernel: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct VmArgs {
    /// Kernel series, newest packaged version of each; `all` for every known one [default: 6.12, or those of the suite]
    #[arg(long, value_name = "SERIES", value_delimiter = ',')]
    pub(crate) kernel: Vec<String>,
    /// How the guest differs from the kernel's own default [default: default, or those of the suite]
    #[arg(long, value_enum)]
    pub(crate) variant: Option<Variant>,
    /// Architecture of the guest, emulated [default: this machine's]
    #[arg(long, value_enum)]
    pub(crate) arch: Option<Arch>,
    /// Words to add to the kernel's command line
    #[arg(long, value_name = "EXTRA", allow_hyphen_values = true)]
    pub(crate) cmdline: Option<String>,
    /// Processors of the guest [default: 2]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) smp: Option<u8>,
    /// Have the guest's clock count instructions, one a nanosecond, on one processor
    #[arg(long, conflicts_with = "smp")]
    pub(crate) icount: bool,
    /// Memory of the guest in MiB [default: 1024, or what the suite takes]
    #[arg(long, value_name = "MB")]
    pub(crate) memory: Option<u32>,
    /// Seconds after which the guest is killed [default: 300, or what the suite takes]
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) timeout: Option<Duration>,
    /// File or folder to copy into the guest
    #[arg(long, value_name = "SRC:DEST", value_parser = copy)]
    pub(crate) root_file: Vec<(PathBuf, PathBuf)>,
    /// Program of this machine to put into the guest, with its libraries, at the same path
    #[arg(long, value_name = "HOST_PROGRAM")]
    pub(crate) with: Vec<PathBuf>,
    /// Environment of the command
    #[arg(long, value_name = "K=V", value_parser = assignment)]
    pub(crate) env: Vec<(String, String)>,
    /// Run a suite instead of a command, in each kernel of its own matrix
    #[arg(long, value_enum, conflicts_with = "command")]
    pub(crate) suite: Option<Suite>,
    #[command(flatten)]
    pub(crate) narrow: SuiteArgs,
    /// What to run; a path that exists here is copied into the guest with its libraries
    #[arg(last = true, required_unless_present = "suite", value_name = "CMD")]
    pub(crate) command: Vec<String>,
}

/// What only a suite knows.
#[derive(Debug, Default, Args)]
pub(crate) struct SuiteArgs {
    /// Only these attach methods [default: all]
    #[arg(long, value_enum, value_delimiter = ',', requires = "suite")]
    pub(crate) attach: Vec<Attach>,
    /// Only these scenarios of the evasion suite
    #[arg(long, value_name = "E1,E2", value_delimiter = ',', requires = "suite")]
    pub(crate) only: Vec<String>,
    /// Every kernel series that the distribution's archive offers
    #[arg(long, requires = "suite", conflicts_with = "kernel")]
    pub(crate) all_kernels: bool,
    /// Keep the evasion suite's rows in docs/, from which the README's table is made
    #[arg(long, requires = "suite")]
    pub(crate) record: bool,
}

/// A suite for guests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// Every numbered way around a trap, by each attach method
    Evasion,
    /// The instructions that koney adds to what is no trap
    Count,
}

/// How an agent is attached to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Attach {
    /// LSM program
    Lsm,
    /// fentry program
    Fentry,
    /// kprobe program
    Kprobe,
    /// fanotify marks, without eBPF
    Fanotify,
}

impl Attach {
    /// All of them, in the order of tables.
    pub(crate) const ALL: [Self; 4] = [Self::Lsm, Self::Fentry, Self::Kprobe, Self::Fanotify];

    /// The name on command lines and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lsm => "lsm",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
            Self::Fanotify => "fanotify",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Leave the virtual machines out
    #[arg(long)]
    pub(crate) host_only: bool,
    /// Only these kernel series of the matrix
    #[arg(long, value_name = "SERIES", value_delimiter = ',', conflicts_with = "host_only")]
    pub(crate) kernels: Vec<String>,
    /// Only these of the kernel tests' programs, and nothing on this machine
    #[arg(long, value_name = "NAME", value_delimiter = ',', conflicts_with = "host_only")]
    pub(crate) only: Vec<String>,
    /// Run a suite instead, on this machine
    #[arg(long, value_enum, conflicts_with_all = ["host_only", "kernels"])]
    pub(crate) suite: Option<TestSuite>,
    /// Runs of the suite [default: 1000]
    #[arg(long, value_name = "N", requires = "suite")]
    pub(crate) seeds: Option<u64>,
    /// Only the run with this seed
    #[arg(long, value_name = "S", requires = "suite", conflicts_with = "seeds")]
    pub(crate) seed: Option<u64>,
}

/// A suite that needs no guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestSuite {
    /// Delivery with kills, power cuts, broken disks and absent receivers, seeded and in virtual time
    Delivery,
}

#[derive(Debug, Args)]
pub(crate) struct GenerateArgs {
    /// Change nothing; exit 1 if something is not as it is made
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    /// Architectures that the image is for [default: this machine's]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) arch: Vec<Arch>,
    /// Name and tag of the image [default: localhost/koney-agent with the version]
    #[arg(long, value_name = "NAME:TAG")]
    pub(crate) name: Option<String>,
    /// Where the archive goes [default: image/koney-agent.tar in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Build it a second time, all anew from a clone in another folder; exit 1 if that is another image
    #[arg(long)]
    pub(crate) check_reproducible: bool,
}

#[derive(Debug, Args)]
pub(crate) struct E2eArgs {
    /// The cluster
    #[arg(long, value_name = "FILE", required_unless_present_any = ["local", "guest", "within"])]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A real cluster of one node that is started for it, as root: the node on this machine's kernel
    #[arg(long, conflicts_with_all = ["kubeconfig", "image", "sink_address"])]
    pub(crate) local: bool,
    /// The same with the node in a virtual machine of this kernel series, whose kernel takes eBPF
    #[arg(long, value_name = "SERIES", num_args = 0..=1, default_missing_value = "6.12", conflicts_with_all = ["kubeconfig", "local", "image", "sink_address"])]
    pub(crate) guest: Option<String>,
    /// What is installed [default: deploy/install.yaml; here, where the kernel refuses eBPF, deploy/install-fanotify.yaml]
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: Option<PathBuf>,
    /// What the workloads run: an image with sh and sleep
    #[arg(long, value_name = "NAME:TAG", default_value = "busybox:stable")]
    pub(crate) image: String,
    /// Address of this machine that the cluster's pods can reach
    #[arg(long, value_name = "IP")]
    pub(crate) sink_address: Option<String>,
    /// Restarts the node that the workloads are on, and returns once it has gone down; without it that step is skipped
    #[arg(long, value_name = "COMMAND", requires = "kubeconfig")]
    pub(crate) restart_node: Option<String>,
    /// What this program tells itself
    #[arg(long, hide = true)]
    pub(crate) within: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Run in a virtual machine even if this kernel could
    #[arg(long)]
    pub(crate) vm: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Only these parts; the figures of the others stay as they were
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<BenchPart>,
    /// Kernel series of the guests [default: 6.1, 6.12 and 7.3 for the kernel part, 6.12 for the others]
    #[arg(long, value_name = "SERIES", value_delimiter = ',')]
    pub(crate) kernel: Vec<String>,
    /// A little of each part, on 6.12, to see that all of it works
    #[arg(long)]
    pub(crate) quick: bool,
    /// Keep the figures in docs/performance/, from which its pages and the README's table are made
    #[arg(long)]
    pub(crate) record: bool,
    /// Count only what the budget holds, and make the counts of 6.12 the budget of `cargo xtask test`
    #[arg(long, conflicts_with_all = ["record", "quick"])]
    pub(crate) budget: bool,
    /// Say how far the kernel part's counts are from those of this report, or those of two reports from one another without counting; exit 1
    /// if any is more than 1 % apart
    #[arg(long, value_name = "FILE", num_args = 1..=2)]
    pub(crate) compare: Vec<PathBuf>,
}

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum BenchPart {
    /// Instructions that watching adds, beside its peers
    Kernel,
    /// Time that watching adds to an open on this machine, where its kernel lets programs attach
    Wall,
    /// Records to alerts, by stage
    Pipeline,
    /// Alerts to disk and back
    Queue,
    /// From an open to the sink
    Latency,
    /// Memory of the agent and of the kernel, and the time until traps are armed
    Memory,
    /// How memory and the start grow with traps, containers and policies
    Growth,
    /// An hour in which containers come and go: whether memory grows
    Churn,
    /// A sink that hangs beside one that does not
    HangingSink,
    /// Binary and image
    Size,
}

impl BenchPart {
    /// All of them, in the order in which they are measured.
    pub(crate) const ALL: [Self; 10] = [
        Self::Size,
        Self::Kernel,
        Self::Wall,
        Self::Pipeline,
        Self::Queue,
        Self::Latency,
        Self::Memory,
        Self::Growth,
        Self::Churn,
        Self::HangingSink,
    ];

    /// The name on the command line and in the report.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::Wall => "wall",
            Self::Pipeline => "pipeline",
            Self::Queue => "queue",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Growth => "growth",
            Self::Churn => "churn",
            Self::HangingSink => "hanging-sink",
            Self::Size => "size",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct FuzzArgs {
    /// Only this one; all of them one after the other if none is named
    #[arg(value_enum)]
    pub(crate) target: Option<FuzzTarget>,
    /// Seconds for each
    #[arg(long, value_name = "N", default_value = "60", value_parser = seconds)]
    pub(crate) seconds: Duration,
}

/// A reader of foreign bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FuzzTarget {
    /// Records of the kernel programs
    Record,
    /// The kernel's type information
    Btf,
    /// The container that the names of cgroups tell
    Cgroup,
    /// Files of /proc and /sys
    Procfs,
}

impl FuzzTarget {
    /// The name of its program, its seeds and its dictionary.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Btf => "btf",
            Self::Cgroup => "cgroup",
            Self::Procfs => "procfs",
        }
    }

    /// Bytes of the longest input that is worth trying.
    pub(crate) fn longest(self) -> u32 {
        match self {
            Self::Record | Self::Btf => 8192,
            Self::Cgroup | Self::Procfs => 4096,
        }
    }
}

/// What a guest changes about its kernel's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Variant {
    /// The kernel as its distribution ships it
    #[default]
    Default,
    /// `bpf` is not among the security modules
    LsmWithoutBpf,
    /// `bpf` is among the security modules
    LsmWithBpf,
    /// The kernel preempts itself anywhere
    PreemptFull,
    /// Control groups version 1, as on old nodes
    CgroupV1,
}

impl Variant {
    /// The name on the command line and in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::LsmWithoutBpf => "lsm-without-bpf",
            Self::LsmWithBpf => "lsm-with-bpf",
            Self::PreemptFull => "preempt-full",
            Self::CgroupV1 => "cgroup-v1",
        }
    }

    /// What it adds to the kernel's command line.
    pub(crate) fn cmdline(self) -> &'static str {
        match self {
            Self::Default | Self::CgroupV1 => "",
            Self::LsmWithoutBpf => "lsm=landlock,lockdown,yama,loadpin,safesetid,integrity,apparmor",
            Self::LsmWithBpf => "lsm=landlock,lockdown,yama,loadpin,safesetid,integrity,apparmor,bpf",
            Self::PreemptFull => "preempt=full",
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("expected a number of seconds above 0".to_owned()),
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

fn copy(text: &str) -> Result<(PathBuf, PathBuf), String> {
    match text.rsplit_once(':') {
        Some((source, dest)) if dest.starts_with('/') => Ok((source.into(), dest.into())),
        _ => Err("expected SRC:DEST with an absolute DEST".to_owned()),
    }
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected K=V".to_owned()),
    }
}
