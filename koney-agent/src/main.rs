//! `koney-agent`: parses the command line and calls the pipeline.

mod cli;

use std::{process::ExitCode, time::Duration};

use clap::{Parser as _, error::ErrorKind};
use koney_agent::{
    admin::AskError,
    doctor::{self, Verdict},
    kernel::{Choice, Detector, KernelError, Options, fanotify, memory, pins},
    logs,
    pipeline::{self, RunError},
    sink,
};
use tracing::error;

use cli::{Cli, Command, Detach, Doctor, Output};

/// `doctor`: usable, and something is lost.
const DEGRADED: u8 = 1;
/// `status`: something needs attention. `sink test`, `deadletter`: the receiver did not take it, or there was nothing to do it to.
const NOTHING_DONE: u8 = 1;
/// Exit codes of `sysexits.h`.
const USAGE: u8 = 64;
const DATA: u8 = 65;
const UNAVAILABLE: u8 = 69;
const SOFTWARE: u8 = 70;
const NO_PERMISSION: u8 = 77;
const CONFIG: u8 = 78;

fn main() -> ExitCode {
    memory::be_frugal();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return say_usage(&usage),
    };
    let level = logs::start(cli.level(), cli.log_format);
    sink::install_crypto_provider();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            error!(%error, "cannot start the runtime; raise the limits of threads and open files");
            return ExitCode::from(SOFTWARE);
        }
    };
    let ended = runtime.block_on(async {
        match cli.command {
            Command::Run(run) => code_of(&pipeline::run(run.config(), level).await.inspect_err(|failure| error!("{failure}"))),
            Command::Probe(attach) => code_of(&probe(attach.options())),
            Command::Doctor(doctor) => diagnose(doctor).await,
            Command::Detach(detach) => remove(&detach),
            Command::Validate(validate) => {
                if validate.run() {
                    0
                } else {
                    DATA
                }
            }
            Command::Status(status) => operate(status.run().await),
            Command::Page(page) => operate(page.run().await),
            Command::Log(log) => operate(log.run().await),
            Command::Sink(sink) => operate(sink.run().await),
            Command::Deadletter(letters) => operate(letters.run().await),
        }
    });
    // A thread that hangs in a dead file system must not keep the agent from ending.
    runtime.shutdown_timeout(Duration::from_secs(1));
    ExitCode::from(ended)
}

/// Attaches, sees the canary, and goes away again. Fanotify is no answer unless it was asked for: it is less than what koney promises.
fn probe(options: Options) -> Result<(), RunError> {
    let found = match options.attach {
        Choice::Fanotify => fanotify::Detector::start().map(|detector| detector.report()).map_err(KernelError::from),
        _ => Detector::start(options).map(|(detector, _ring)| detector.report().to_string()),
    };
    match found {
        Ok(report) => cli::say(&format!("detection is possible here: {report}")),
        Err(error) => {
            cli::say(&format!("detection is not possible here: {error}"));
            if options.attach == Choice::Auto && fanotify::Detector::start().is_ok() {
                cli::say(&format!("`koney-agent run` keeps watch by fanotify instead, degraded: {}", fanotify::LIMITS));
            }
            return Err(error.into());
        }
    }
    Ok(())
}

/// Removes what outlives agents.
fn remove(detach: &Detach) -> u8 {
    match pins::detach(&detach.pins) {
        Ok(removed) if removed.is_empty() => cli::say(&format!("nothing is pinned below {}", detach.pins.display())),
        Ok(removed) => removed.iter().for_each(|path| cli::say(&format!("removed {}", path.display()))),
        Err(error) => {
            error!("{error}");
            return NO_PERMISSION;
        }
    }
    0
}

/// What the agent of this node has answered.
fn operate(answer: Result<bool, AskError>) -> u8 {
    match answer {
        Ok(true) => 0,
        Ok(false) => NOTHING_DONE,
        Err(failure) => {
            error!("{failure}");
            match failure {
                AskError::Absent { .. } => UNAVAILABLE,
                AskError::Permission { .. } => NO_PERMISSION,
                AskError::Unreadable(_) => SOFTWARE,
                AskError::Refused(_) => NOTHING_DONE,
            }
        }
    }
}

/// Looks at everything and stays nowhere.
async fn diagnose(doctor: Doctor) -> u8 {
    let output = doctor.output;
    let report = doctor::examine(&doctor.request()).await;
    cli::say(&match output {
        Output::Text => report.text(),
        Output::Json => report.json(),
    });
    match report.verdict() {
        Verdict::Full => 0,
        Verdict::Degraded => DEGRADED,
        Verdict::Impossible => UNAVAILABLE,
        Verdict::NoPrivilege => NO_PERMISSION,
    }
}

fn say_usage(usage: &clap::Error) -> ExitCode {
    // There is no other place to complain to when the terminal is gone.
    let _printed = usage.print();
    match usage.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

fn code_of(result: &Result<(), RunError>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(RunError::Manifests(_) | RunError::Connect(_) | RunError::Pods(_)) => CONFIG,
        Err(RunError::Kernel(KernelError::NoPrivilege { .. })) => NO_PERMISSION,
        Err(RunError::Kernel(KernelError::Fanotify(refused))) if refused.is_permission() => NO_PERMISSION,
        Err(RunError::Kernel(_)) => UNAVAILABLE,
        Err(RunError::Stdout(_) | RunError::Random(_) | RunError::Signals(_) | RunError::TaskEnded(_)) => SOFTWARE,
    }
}
