//! What is asked of the agent that runs on this node: `sink test` and `deadletter`.

use clap::{Args, Subcommand};
use jiff::fmt::strtime;
use koney_agent::{
    admin::{Agent, AskError, DeadLetter, Tested, Which},
    plain,
};

use super::{Output, State, say};

/// `sink`.
#[derive(Debug, Args)]
pub(crate) struct Sink {
    #[command(subcommand)]
    command: SinkCommand,
}

#[derive(Debug, Subcommand)]
enum SinkCommand {
    /// Have the agent of this node send a test alert, marked as one, and say what the endpoint answered.
    ///
    /// Exits 0 where the endpoint took it, and 1 where not.
    Test {
        /// Name of the sink's resource.
        name: String,
        #[command(flatten)]
        state: State,
    },
}

/// `deadletter`.
#[derive(Debug, Args)]
pub(crate) struct DeadLetters {
    #[command(subcommand)]
    command: DeadLetterCommand,
}

#[derive(Debug, Subcommand)]
enum DeadLetterCommand {
    /// List them, the oldest first.
    List {
        /// Only those of this sink.
        #[arg(long, value_name = "NAME")]
        sink: Option<String>,
        /// Form of the answer.
        #[arg(short, long, default_value = "text", value_name = "FORM")]
        output: Output,
        #[command(flatten)]
        state: State,
    },
    /// Show one with its reason and what was sent.
    Show {
        /// Id of the alert.
        id: String,
        #[command(flatten)]
        state: State,
    },
    /// Have them sent again.
    Retry(Choice),
    /// Forget them.
    Drop(Choice),
}

/// Which of them.
#[derive(Debug, Args)]
struct Choice {
    /// Ids of alerts.
    #[arg(required_unless_present = "all")]
    ids: Vec<String>,
    /// All of them.
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// Only those of this sink.
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    #[command(flatten)]
    state: State,
}

impl Sink {
    /// True if the endpoint took it.
    pub(crate) async fn run(self) -> Result<bool, AskError> {
        let SinkCommand::Test { name, state } = self.command;
        let tested = Agent::of(&state.state).test(&name).await?;
        say(&told(&name, &tested));
        Ok(tested.delivered)
    }
}

impl DeadLetters {
    /// True if there were any.
    pub(crate) async fn run(self) -> Result<bool, AskError> {
        match self.command {
            DeadLetterCommand::List { sink, output, state } => {
                let letters = Agent::of(&state.state).dead_letters(sink.as_deref()).await?;
                say(&match output {
                    Output::Text => list(&letters),
                    Output::Json => plain::json(&serde_json::to_string(&letters).unwrap_or_default()),
                });
                Ok(true)
            }
            DeadLetterCommand::Show { id, state } => {
                let found = Agent::of(&state.state).dead_letter(&id).await?;
                for letter in &found {
                    say(&show(letter));
                }
                if found.is_empty() {
                    say(&format!("no dead letter has the id {id}; `koney-agent deadletter list` names all"));
                }
                Ok(!found.is_empty())
            }
            DeadLetterCommand::Retry(choice) => {
                let count = Agent::of(&choice.state.state).retry(&choice.which()).await?;
                say(&format!("{count} queued again"));
                Ok(count > 0)
            }
            DeadLetterCommand::Drop(choice) => {
                let count = Agent::of(&choice.state.state).drop_dead(&choice.which()).await?;
                say(&format!("{count} forgotten"));
                Ok(count > 0)
            }
        }
    }
}

impl Choice {
    fn which(&self) -> Which {
        Which { sink: self.sink.clone(), ids: self.ids.clone() }
    }
}

fn told(sink: &str, tested: &Tested) -> String {
    let Tested { delivered, id, answer, milliseconds } = tested;
    let became = if *delivered { "delivered" } else { "not delivered" };
    format!("{sink}: test alert {id}: {became} in {milliseconds} ms: {}", plain(answer))
}

fn list(letters: &[DeadLetter]) -> String {
    if letters.is_empty() {
        return "no dead letters".to_owned();
    }
    let width = letters.iter().map(|letter| letter.sink.chars().count()).max().unwrap_or(0).max(4);
    let mut lines = vec![format!("{:32}  {:width$}  {:20}  REASON", "ID", "SINK", "GIVEN UP")];
    lines.extend(letters.iter().map(|letter| {
        let given_up = strtime::format("%Y-%m-%dT%H:%M:%SZ", letter.given_up).unwrap_or_default();
        format!("{:32}  {:width$}  {given_up:20}  {}", letter.id, letter.sink, plain(&letter.reason))
    }));
    lines.join("\n")
}

fn show(letter: &DeadLetter) -> String {
    let DeadLetter { sink, id, time, given_up, reason, body } = letter;
    format!(
        "id        {id}\nsink      {sink}\naccess    {time}\ngiven up  {given_up}\nreason    {}\n\n{}",
        plain(reason),
        plain(body.as_deref().unwrap_or_default())
    )
}

/// For a terminal: it holds what an intruder or a receiver has written.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() && letter != '\n' { '\u{fffd}' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn a_trial_tells_what_was_answered_and_how_long_it_took() {
        let tested =
            |delivered, answer: &str| Tested { delivered, id: "AB".to_owned(), answer: answer.to_owned(), milliseconds: 45 };
        assert_eq!(
            told("prod", &tested(true, "answer 202 Accepted")),
            "prod: test alert AB: delivered in 45 ms: answer 202 Accepted"
        );
        let refused = told("prod", &tested(false, "answer 401 Unauthorized: \u{1b}[2J; check `apiToken`"));
        assert_eq!(
            refused,
            "prod: test alert AB: not delivered in 45 ms: answer 401 Unauthorized: \u{fffd}[2J; check `apiToken`"
        );
    }

    #[test]
    fn letters_are_listed_in_columns_and_shown_without_what_moves_a_terminal() {
        assert_eq!(list(&[]), "no dead letters");
        let letter = DeadLetter {
            sink: "prod".to_owned(),
            id: "98CBCFE3F162209BCF5E22F968A8B55C".to_owned(),
            time: Timestamp::UNIX_EPOCH,
            given_up: Timestamp::from_second(60).expect("a minute"),
            reason: "400 Bad Request: \u{1b}[2J".to_owned(),
            body: Some("{\"a\":1}".to_owned()),
        };
        assert_eq!(
            list(std::slice::from_ref(&letter)),
            "ID                                SINK  GIVEN UP              REASON\n\
             98CBCFE3F162209BCF5E22F968A8B55C  prod  1970-01-01T00:01:00Z  400 Bad Request: \u{fffd}[2J"
        );
        assert_eq!(
            show(&letter),
            "id        98CBCFE3F162209BCF5E22F968A8B55C\nsink      prod\naccess    1970-01-01T00:00:00Z\ngiven up  1970-01-01T00:01:00Z\n\
             reason    400 Bad Request: \u{fffd}[2J\n\n{\"a\":1}"
        );
    }
}
