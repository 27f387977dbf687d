//! The command line, as given.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::PathBuf,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use koney_agent::{
    cluster::DEFAULT_NAMESPACE,
    doctor::Request,
    kernel::{Choice, Options, pins},
    pipeline::Config,
};
use tracing::level_filters::LevelFilter;

/// Instead of a folder: the programs end with the agent.
const NO_PINS: &str = "none";

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
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch the honeytokens of a folder of manifests on this host and deliver alerts.
    Run(Run),
    /// Say whether this kernel allows detection: attach, see a file of the agent's own being opened, and go away again.
    Probe(Attach),
    /// Say what this machine offers, what was tried, what will be used, what is missing and how to mend it.
    ///
    /// Exits 0 where detection is possible in full, 1 where it is possible but degraded, 69 where it is not possible, and 77 where it
    /// is privilege that lacks.
    Doctor(Doctor),
    /// Remove everything that agents have left in the kernel to keep watch while none runs. Stop the agent first.
    Detach(Detach),
}

/// `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Folder of manifests (policies, sinks and Secrets), followed while the agent runs.
    #[arg(long, value_name = "DIR")]
    manifests: PathBuf,
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
    #[command(flatten)]
    attach: Attach,
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
    #[arg(long, value_name = "DIR")]
    manifests: Option<PathBuf>,
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
            Command::Doctor(_) | Command::Detach(_) => LevelFilter::ERROR,
        })
    }
}

impl Doctor {
    pub(crate) fn request(self) -> Request {
        Request { manifests: self.manifests, namespace: self.namespace }
    }
}

impl Run {
    pub(crate) fn config(self) -> Config {
        let Self { manifests, namespace, node_name, pins, attach } = self;
        let pins = Some(pins).filter(|pins| pins.as_os_str() != NO_PINS);
        Config { manifests, namespace, node_name, kernel: attach.options(), pins }
    }
}

impl Attach {
    pub(crate) const fn options(self) -> Options {
        Options { attach: self.attach, diagnostics: self.kernel_log, throttle: true, changes: true }
    }
}

/// Logs to standard error: standard output belongs to the alerts.
pub(crate) fn start_log(level: LevelFilter) {
    tracing_subscriber::fmt().with_max_level(level).with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).init();
}

/// Prints a command's answer.
pub(crate) fn say(text: &str) {
    if let Err(error) = writeln!(io::stdout(), "{text}") {
        tracing::error!(%error, "cannot write to standard output");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &[&str]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"koney-agent").chain(words))
    }

    #[test]
    fn run_needs_its_folder_and_says_so() {
        let refused = parse(&["run"]).expect_err("no folder").to_string();
        assert!(refused.contains("--manifests <DIR>"), "{refused}");
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
}
