//! Everything a koney developer runs: `cargo xtask --help`.
//!
//! Each command first asks [`setup`] for what it needs, so a fresh machine and an old one take the same line.

mod arch;
mod at_once;
mod chart;
mod cli;
mod counts;
mod cross;
mod demo;
mod e2e;
mod ebpf;
mod exit;
mod fuzz;
mod generate;
mod image;
mod lint;
mod process;
mod prometheus;
mod python;
mod setup;
mod suite;
mod test;
mod ui;
mod vm;
mod workspace;

use std::process::ExitCode;

use clap::Parser as _;

use crate::{
    cli::{Cli, Command},
    exit::Exit,
};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { 0 };
            return if error.print().is_ok() { ExitCode::from(code) } else { ExitCode::FAILURE };
        }
    };
    let result = match cli.command {
        Command::Setup(args) => setup::command(&args),
        Command::BuildEbpf => ebpf::command(),
        Command::Vm(args) => vm::command(&args),
        Command::Test(args) => test::command(&args),
        Command::Generate(args) => generate::command(&args),
        Command::Lint => Ok(lint::command()),
        Command::Fuzz(args) => fuzz::command(&args),
        Command::Image(args) => image::command(&args),
        Command::E2e(args) => e2e::command(&args),
        Command::Demo(args) => demo::command(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            ui::error(&error);
            ExitCode::from(error.downcast_ref::<Exit>().map_or(1, |exit| exit.code))
        }
    }
}
