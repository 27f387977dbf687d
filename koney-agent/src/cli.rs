//! The command line, as given.

mod operate;
mod status;
mod validate;

use std::{
    fmt,
    io::{self, Write as _},
    net::{AddrParseError, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use koney_agent::{
    admin,
    cluster::{
        DEFAULT_NAMESPACE, Reader,
        pods::{self, KUBELET_PORT, PodOptions},
    },
    doctor::Request,
    kernel::{Choice, Options, pins},
    logs,
    pipeline::{ClusterOptions, Config, Source},
};
use tracing::level_filters::LevelFilter;

pub(crate) use operate::{DeadLetters, Sink};
pub(crate) use status::{Log, Page, Status};
pub(crate) use validate::Validate;

/// Instead of a folder: nothing is kept there.
const NONE: &str = "none";

/// Notices in the kernel that someone touched a honeytoken, says who it was, and delivers the alert.
#[derive(Debug, Parser)]
#[command(name = "koney-agent", version, propagate_version = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Least important messages to log to standard error: error, warn, info, debug or trace [default: info; for doctor error]
    #[arg(long, global = true, env = "KONEY_LOG", value_name = "LEVEL")]
    log: Option<LevelFilter>,
    /// How the log is written: text for people, or json, one object a line, for programs.
    #[arg(long, global = true, env = "KONEY_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub(crate) log_format: logs::Format,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch the honeytokens of a cluster's policies in this node's containers, or those of a folder of manifests on this host, and
    /// deliver alerts.
    Run(Box<Run>),
    /// Say whether this kernel allows detection: attach, see a file of the agent's own being opened, and go away again.
    Probe(Attach),
    /// Say what this machine offers, what was tried, what will be used, what is missing and how to mend it.
    ///
    /// Exits 0 where detection is possible in full, 1 where it is possible but degraded, 69 where it is not possible, and 77 where it
    /// is privilege that lacks.
    Doctor(Doctor),
    /// Remove everything that agents have left in the kernel to keep watch while none runs. Stop the agent first.
    Detach(Detach),
    /// Say what is wrong with manifests, before anybody applies them: by the code that the agent reads them with, and nothing is started.
    ///
    /// Exits 0 where all of it would be in force as written, and 65 where not.
    Validate(Validate),
    /// Show the agent of this node: what needs attention, its traps, its sinks, how accesses are seen, and the last of them.
    ///
    /// Exits 0 where all is well, 1 where something needs to be mended, and 69 where no agent answers.
    Status(Status),
    /// Print the address of the agent's page with the key to all of it: names of decoys are shown to nobody else. The key lasts as long
    /// as the agent.
    Page(Page),
    /// Have the agent of this node log from another level on, until it ends; without a level, say which is in force.
    Log(Log),
    /// Look at one sink.
    Sink(Sink),
    /// Alerts that their sinks will never take, which the agent of this node keeps.
    Deadletter(DeadLetters),
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Folder of manifests (policies, sinks and Secrets), followed while the agent runs: instead of a cluster.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["kubeconfig", "kubelet", "pods_from"])]
    manifests: Option<PathBuf>,
    #[command(flatten)]
    cluster: Cluster,
    /// The agent's namespace: sinks and Secrets of any other are ignored.
    #[arg(long, default_value = DEFAULT_NAMESPACE, env = "KONEY_NAMESPACE")]
    namespace: String,
    /// Name of this node in alerts; the host name where it is not given.
    #[arg(long, env = "KONEY_NODE_NAME", value_name = "NAME")]
    node_name: Option<String>,
    /// Folder on a BPF file system below which the kernel programs are pinned, to keep watch while no agent runs; `none` to have them end with
    /// the agent.
    #[arg(long, default_value = pins::DEFAULT, env = "KONEY_PINS", value_name = "DIR")]
    pins: PathBuf,
    /// Who may read decoys (a backup, a scanner): a program of the host, known by its file, or the pods of a namespace, all or those
    /// with these labels. What they read is logged and counted, not alerted. May be given several times, or separated by spaces. In a
    /// cluster the kubelet is one without being named.
    #[arg(long, env = "KONEY_EXPECTED_READERS", value_name = "PATH|NAMESPACE[/LABEL=VALUE,…]", value_delimiter = ' ')]
    expected_reader: Vec<Reader>,
    /// Where the page, /livez, /readyz and /metrics are served; `none` for nowhere.
    #[arg(long, default_value_t = Address(Some(admin::DEFAULT)), env = "KONEY_ADMIN", value_name = "IP:PORT")]
    admin: Address,
    #[command(flatten)]
    state: State,
    #[command(flatten)]
    attach: Attach,
}

/// The agent's own folder.
#[derive(Debug, Args)]
pub(crate) struct State {
    /// The agent's own folder: alerts that wait, what the cluster said last, its socket; never a Secret. `none` to keep nothing: alerts
    /// that wait are then lost with the agent.
    #[arg(long, default_value = "/var/lib/koney", env = "KONEY_STATE", value_name = "DIR")]
    state: PathBuf,
}

/// An address, or none.
#[derive(Clone, Copy, Debug)]
struct Address(Option<SocketAddr>);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == NONE {
            return Ok(Self(None));
        }
        let unreadable = |_error: AddrParseError| "expected an IP address with a port, or none".to_owned();
        text.parse().map(|address| Self(Some(address))).map_err(unreadable)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(formatter),
            None => formatter.write_str(NONE),
        }
    }
}

/// How the cluster is reached.
#[derive(Debug, Args)]
pub(crate) struct Cluster {
    /// How to reach the API server, where the agent is not in a pod with a service account.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Whom to ask for the pods of this node: auto asks the kubelet, and the API server where the kubelet does not answer.
    #[arg(long, default_value = "auto", env = "KONEY_PODS_FROM", value_name = "SOURCE")]
    pods_from: pods::Choice,
    /// Address of this node's kubelet, with or without its port.
    #[arg(long, env = "KONEY_KUBELET", value_name = "IP[:PORT]", value_parser = kubelet)]
    kubelet: Option<SocketAddr>,
    /// Certificates that the kubelet's must verify against, instead of the cluster's own.
    #[arg(long, env = "KONEY_KUBELET_CA_FILE", value_name = "FILE")]
    kubelet_ca_file: Option<PathBuf>,
    /// The token that the kubelet is shown, instead of the service account's.
    #[arg(long, value_name = "FILE")]
    kubelet_token_file: Option<PathBuf>,
    /// The DaemonSet that this agent is one of, in its own namespace: an agent that is told to stop when that is gone leaves nothing on its
    /// node.
    #[arg(long, env = "KONEY_DAEMONSET", value_name = "NAME")]
    daemonset: Option<String>,
}

/// `detach`.
#[derive(Debug, Args)]
pub(crate) struct Detach {
    /// Folder on a BPF file system below which agents have pinned their programs.
    #[arg(long, default_value = pins::DEFAULT, env = "KONEY_PINS", value_name = "DIR")]
    pub(crate) pins: PathBuf,
}

/// `doctor`.
#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// Folder of manifests to look at as well.
    #[arg(long, value_name = "DIR", conflicts_with = "kubeconfig")]
    manifests: Option<PathBuf>,
    /// Cluster to look at as well; in a pod its own is.
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// The agent's namespace: sinks and Secrets of any other are ignored.
    #[arg(long, default_value = DEFAULT_NAMESPACE, env = "KONEY_NAMESPACE")]
    namespace: String,
    /// Form of the answer.
    #[arg(short, long, default_value = "text", value_name = "FORM")]
    pub(crate) output: Output,
}

/// Form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// A table for people.
    Text,
    /// One JSON object for programs.
    Json,
}

/// How to attach.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Attach {
    /// How to attach to the kernel: auto takes the first of lsm, fentry and kprobe that is seen to fire, and for `run` the degraded
    /// fanotify where all are refused.
    #[arg(long, default_value = "auto", value_name = "METHOD")]
    attach: Choice,
    /// Have the kernel programs log what they do (with --log debug); for diagnosis.
    #[arg(long)]
    kernel_log: bool,
}

impl Cli {
    /// A diagnosis tells on standard output all that the log would.
    pub(crate) fn level(&self) -> LevelFilter {
        self.log.unwrap_or(match self.command {
            Command::Run(_) | Command::Probe(_) => LevelFilter::INFO,
            _ => LevelFilter::ERROR,
        })
    }
}

impl Doctor {
    pub(crate) fn request(self) -> Request {
        Request { manifests: self.manifests, kubeconfig: self.kubeconfig, namespace: self.namespace }
    }
}

impl Run {
    pub(crate) fn config(self) -> Config {
        let Self { manifests, cluster, namespace, node_name, pins, expected_reader: readers, admin, state, attach } = self;
        let state = Some(state.state).filter(|state| state.as_os_str() != NONE);
        let pins = Some(pins).filter(|pins| pins.as_os_str() != NONE);
        let source = manifests.map_or_else(|| Source::Cluster(cluster.options()), Source::Manifests);
        Config { source, namespace, node_name, readers, kernel: attach.options(), pins, state, admin: admin.0 }
    }
}

impl Cluster {
    fn options(self) -> ClusterOptions {
        let Self { kubeconfig, pods_from, kubelet, kubelet_ca_file, kubelet_token_file, daemonset } = self;
        let pods = PodOptions { choice: pods_from, address: kubelet, ca_file: kubelet_ca_file, token_file: kubelet_token_file };
        ClusterOptions { kubeconfig, pods, daemonset }
    }
}

/// An address, on the kubelet's own port where none is named.
fn kubelet(text: &str) -> Result<SocketAddr, String> {
    let alone = |_with_port| text.parse().map(|address| SocketAddr::new(address, KUBELET_PORT));
    text.parse().or_else(alone).map_err(|_neither: AddrParseError| "expected an IP address, with or without a port".to_owned())
}

impl Attach {
    pub(crate) const fn options(self) -> Options {
        Options { attach: self.attach, diagnostics: self.kernel_log, throttle: true, changes: true }
    }
}

/// Prints a command's answer.
pub(crate) fn say(text: &str) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        tracing::error!(%error, "cannot write to standard output; see who reads it");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"koney-agent").chain(words))
    }

    #[test]
    fn run_is_for_a_folder_or_a_cluster() {
        let refused = parse(&["run", "--manifests", "/etc/koney", "--kubeconfig", "/k"]).expect_err("both").to_string();
        assert!(refused.contains("'--manifests <DIR>' cannot be used with '--kubeconfig <FILE>'"), "{refused}");
        let Ok(Cli { command: Command::Run(run), .. }) = parse(&["run", "--kubelet", "10.0.0.1"]) else { panic!("must parse") };
        let Source::Cluster(options) = run.config().source else { panic!("a cluster") };
        assert_eq!(options.pods.address, Some(SocketAddr::from(([10, 0, 0, 1], KUBELET_PORT))));
        let refused = parse(&["run", "--kubelet", "node-1"]).expect_err("no address").to_string();
        assert!(refused.contains("expected an IP address, with or without a port"), "{refused}");
        let Ok(Cli { command: Command::Run(run), .. }) = parse(&["run", "--manifests", "/etc/koney"]) else {
            panic!("must parse")
        };
        let config = run.config();
        assert_eq!(config.namespace, "koney-system");
        assert_eq!(config.kernel.attach, Choice::Auto);
    }

    #[test]
    fn a_diagnosis_is_quiet_unless_asked() {
        assert_eq!(parse(&["doctor"]).expect("must parse").level(), LevelFilter::ERROR);
        assert_eq!(parse(&["probe"]).expect("must parse").level(), LevelFilter::INFO);
        assert_eq!(parse(&["doctor", "-o", "json", "--log", "debug"]).expect("must parse").level(), LevelFilter::DEBUG);
        let refused = parse(&["doctor", "-o", "yaml"]).expect_err("no such form").to_string();
        assert!(refused.contains("[possible values: text, json]"), "{refused}");
    }

    #[test]
    fn an_unknown_method_is_refused_with_the_known_ones() {
        let refused = parse(&["probe", "--attach", "magic"]).expect_err("no such method").to_string();
        assert!(refused.contains("unknown attach method `magic`, expected auto, lsm, fentry, kprobe or fanotify"), "{refused}");
    }

    /// What no option takes, unless it takes any text.
    const ODD: &str = "\u{1}odd";
    /// Paths and names, which are looked at where they are used.
    const ANY: [&str; 15] = [
        "daemonset",
        "kubeconfig",
        "kubelet-ca-file",
        "kubelet-token-file",
        "manifests",
        "namespace",
        "node-name",
        "pins",
        "policy",
        "sink",
        "state",
        "paths",
        "name",
        "id",
        "ids",
    ];

    fn leaves(command: &clap::Command, words: &[String], found: &mut Vec<(Vec<String>, clap::Command)>) {
        for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
            let words = [words, &[sub.get_name().to_owned()]].concat();
            if sub.has_subcommands() {
                leaves(sub, &words, found);
            } else {
                found.push((words, sub.clone()));
            }
        }
    }

    #[test]
    fn every_option_that_refuses_a_value_names_itself_the_value_and_what_it_takes() {
        let mut command = <Cli as clap::CommandFactory>::command();
        command.build();
        let (mut found, mut refusing) = (Vec::new(), 0);
        leaves(&command, &[], &mut found);
        for (words, leaf) in found {
            for argument in leaf.get_arguments().filter(|argument| argument.get_action().takes_values()) {
                let (long, option) = match argument.get_long() {
                    Some(long) => (long, format!("--{long}={ODD}")),
                    None => (argument.get_id().as_str(), ODD.to_owned()),
                };
                let words: Vec<_> = words.iter().map(String::as_str).chain([option.as_str()]).collect();
                let refused = parse(&words).err().filter(|error| {
                    error.kind() == clap::error::ErrorKind::ValueValidation
                        || error.kind() == clap::error::ErrorKind::InvalidValue
                });
                let Some(refused) = refused.map(|error| error.to_string()) else {
                    assert!(ANY.contains(&long), "{long} of {words:?} takes any text?");
                    continue;
                };
                refusing += 1;
                let name = argument.get_long().map_or_else(|| "'[".to_owned(), |long| format!("'--{long} <"));
                assert!(refused.contains(&name), "{refused}");
                assert!(refused.contains(&format!("invalid value '{ODD}'")), "{refused}");
                assert!(["expected ", "possible values", "is neither"].iter().any(|takes| refused.contains(takes)), "{refused}");
            }
        }
        assert!(refusing >= 8, "{refusing} options refuse a value");
    }
}
