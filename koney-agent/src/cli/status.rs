//! `status`, `page` and `log`: what is asked of the agent that runs on this node.

use std::io::{self, IsTerminal as _};

use clap::Args;
use koney_agent::{
    admin::{Agent, AskError, status::Chosen},
    plain,
};
use rustix::termios::tcgetwinsize;

use super::{Output, State, say};

/// Where standard output is no terminal.
const WIDTH: usize = 120;

/// `status`.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Form of the answer. JSON has everything; the table has the worst and the latest.
    #[arg(short, long, default_value = "text", value_name = "FORM")]
    output: Output,
    /// Only traps and accesses of this policy, in the table.
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// Only what needs attention, in the table.
    #[arg(long)]
    problems: bool,
    #[command(flatten)]
    state: State,
}

/// `page`.
#[derive(Debug, Args)]
pub(crate) struct Page {
    #[command(flatten)]
    state: State,
}

/// `log`.
#[derive(Debug, Args)]
pub(crate) struct Log {
    /// The least important messages to log.
    #[arg(value_parser = ["error", "warn", "info", "debug", "trace"])]
    level: Option<String>,
    #[command(flatten)]
    state: State,
}

impl Status {
    /// True if nothing has to be mended.
    pub(crate) async fn run(self) -> Result<bool, AskError> {
        let status = Agent::of(&self.state.state).status().await?;
        say(&match self.output {
            Output::Text => status.text(&Chosen { policy: self.policy, problems: self.problems }, width()).trim_end().to_owned(),
            Output::Json => plain::json(&serde_json::to_string_pretty(&status).unwrap_or_default()),
        });
        Ok(!status.has_problems())
    }
}

impl Page {
    pub(crate) async fn run(self) -> Result<bool, AskError> {
        say(&Agent::of(&self.state.state).page().await?);
        Ok(true)
    }
}

impl Log {
    pub(crate) async fn run(self) -> Result<bool, AskError> {
        say(&Agent::of(&self.state.state).log(self.level.as_deref()).await?);
        Ok(true)
    }
}

fn width() -> usize {
    let out = io::stdout();
    let terminal = out.is_terminal().then(|| tcgetwinsize(&out).ok()).flatten();
    terminal.map(|size| usize::from(size.ws_col)).filter(|width| *width > 0).unwrap_or(WIDTH)
}
