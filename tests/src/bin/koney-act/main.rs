//! The intruder: one process that performs real system calls by name, on the host or inside a container.
//!
//! `koney-act ACT ARGUMENTS [-- ACT ARGUMENTS]...` performs the acts in order, says `done`, or `failed: ` and why, and stays until its
//! standard input ends: whoever asks who it was finds it still there. The same program makes containers and is their first process.

mod contain;
mod crowd;
mod files;
mod namespaces;
mod probe;
mod steps;
mod tamper;
mod transfer;

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().skip(1).collect();
    let first = words.first().and_then(|word| word.to_str()).unwrap_or_default().to_owned();
    let rest = words.get(1..).unwrap_or_default();
    let outcome = match first.as_str() {
        "contain" => contain::outside(rest),
        "init" => contain::inside(rest),
        "pause" => contain::pause(),
        "enter" => contain::enter(rest),
        _ => {
            let outcome = steps::perform(&words);
            say(&outcome.as_ref().map_or_else(|error| format!("failed: {error:#}"), |()| "done".to_owned()));
            steps::linger();
            return if outcome.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// One line in one write: it does not mix with those of other processes.
fn say(line: &str) {
    // Whoever does not listen has missed it.
    let _said = io::stdout().write_all(format!("{}\n", line.replace('\n', " ")).as_bytes());
}
