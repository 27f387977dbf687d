//! What shells, `man` and readers know of the agent's command line.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};
use clap::{Arg, Command, CommandFactory as _, builder::PossibleValuesParser};
use clap_complete::{Generator as _, Shell, generate};
use clap_mangen::Man;

use super::{agent::cli::Cli, document::Part};

/// The agent, as it is typed.
const PROGRAM: &str = "koney-agent";

/// What options take that the agent reads with a reader of its own, which no shell can ask.
const WORDS: [(&str, &[&str]); 3] = [
    ("attach", &["auto", "lsm", "fentry", "kprobe", "fanotify"]),
    ("log", &["error", "warn", "info", "debug", "trace"]),
    ("pods_from", &["auto", "kubelet", "api"]),
];

/// Completions and man pages, below `deploy/`.
pub(crate) fn files() -> Result<Vec<(String, Vec<u8>)>> {
    true_words()?;
    let mut files = Vec::new();
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut script = Vec::new();
        generate(shell, &mut with_words(Cli::command()), PROGRAM, &mut script);
        if shell == Shell::Bash {
            script = one_name(script).context("the completion of bash is text")?;
        }
        files.push((format!("completions/{}", shell.file_name(PROGRAM)), script));
    }
    let mut root = whole();
    root.build();
    pages(&root, PROGRAM, &mut files)?;
    Ok(files)
}

/// `command-line`: every command with its arguments and flags.
pub(crate) fn tables() -> Vec<Part> {
    let mut root = whole();
    root.build();
    let mut text = String::new();
    for command in root.get_subcommands() {
        describe(command, PROGRAM, &mut text);
    }
    vec![("command-line".to_owned(), text)]
}

/// `help` is there for who types it; a page that says what help is helps nobody.
fn whole() -> Command {
    Cli::command().disable_help_subcommand(true)
}

fn with_words(command: Command) -> Command {
    let command = command.mut_args(|arg| {
        let known = WORDS.iter().find(|(id, _)| arg.get_id() == id);
        known.map_or_else(|| arg.clone(), |(_, words)| arg.clone().value_parser(PossibleValuesParser::new(*words)))
    });
    command.mut_subcommands(with_words)
}

/// Fails if the agent does not take a word that is offered.
fn true_words() -> Result<()> {
    for (id, words) in WORDS {
        let option = format!("--{}", id.replace('_', "-"));
        for word in words {
            let taken = Cli::command().try_get_matches_from([PROGRAM, "run", &option, word]);
            ensure!(taken.is_ok(), "the agent does not take `{option} {word}`");
        }
    }
    Ok(())
}

/// A page for the command, and one for each below it.
fn pages(command: &Command, name: &str, files: &mut Vec<(String, Vec<u8>)>) -> Result<()> {
    let page = name.replace(' ', "-");
    let mut text = Vec::new();
    let named = command.clone().display_name(page.clone());
    Man::new(named).render(&mut text).with_context(|| format!("write the page of {name}"))?;
    let text = String::from_utf8(text).with_context(|| format!("the page of {name} is text"))?;
    files.push((format!("man/{page}.1"), tidy(&text, &page).into_bytes()));
    command.get_subcommands().try_for_each(|below| pages(below, &format!("{name} {}", below.get_name()), files))
}

/// Up to 4.6.11 `clap_complete` writes the name of a program with a hyphen in two ways, and nothing completes after a command
/// (clap-rs/clap issue 6421).
fn one_name(script: Vec<u8>) -> Result<Vec<u8>> {
    let (one, other) = (PROGRAM.replace('-', "__"), PROGRAM.replace('-', "__subcmd__"));
    Ok(String::from_utf8(script)?.replace(&other, &one).into_bytes())
}

/// A page as `man` wants it: a head with every word in quotes, without a date, which would make each build's page another one, and no
/// breaks around an empty line, which is one.
fn tidy(page: &str, name: &str) -> String {
    let head = format!(".TH {name} 1 \"\" \"koney {}\" \"koney\"", env!("CARGO_PKG_VERSION"));
    let lines: Vec<_> = page.lines().map(|line| if line.starts_with(".TH ") { head.as_str() } else { line.trim_end() }).collect();
    lines.join("\n").replace("\n.br\n\n.br\n", "\n.sp\n") + "\n"
}

fn describe(command: &Command, above: &str, text: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string).unwrap_or_default();
    let given: Vec<&Arg> = command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_global_set()).collect();
    let given: Vec<&Arg> = given.into_iter().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str())).collect();
    // A string takes whatever is written to it.
    let stop = if about.ends_with('.') { "" } else { "." };
    let _written = writeln!(text, "### `{name}`\n\n{about}{stop}\n");
    if !given.is_empty() {
        text.push_str("| argument | default | environment | meaning |\n|---|---|---|---|\n");
        for arg in given {
            text.push_str(&row(arg));
        }
        text.push('\n');
    }
    for below in command.get_subcommands() {
        describe(below, &name, text);
    }
}

fn row(arg: &Arg) -> String {
    let values = arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    let takes = arg.get_action().takes_values();
    let flag = [arg.get_short().map(|short| format!("-{short}")), arg.get_long().map(|long| format!("--{long}"))];
    let flag = flag.into_iter().flatten().collect::<Vec<_>>().join("`, `");
    let typed = match (flag.is_empty(), takes) {
        (true, _) => format!("`{values}`"),
        (false, true) => format!("`{flag} {values}`"),
        (false, false) => format!("`{flag}`"),
    };
    let defaults = arg.get_default_values().iter().map(|value| value.to_string_lossy().into_owned()).collect::<Vec<_>>();
    let default = match defaults.join(" ") {
        text if text.is_empty() || !takes => "–".to_owned(),
        text => format!("`{text}`"),
    };
    let environment = arg.get_env().map_or_else(|| "–".to_owned(), |name| format!("`{}`", name.to_string_lossy()));
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let choices: Vec<String> = if takes {
        arg.get_possible_values()
            .iter()
            .filter(|value| !value.is_hide_set())
            .map(|value| format!("`{}`", value.get_name()))
            .collect()
    } else {
        Vec::new()
    };
    let choices = if choices.is_empty() { String::new() } else { format!(" ({})", choices.join(", ")) };
    format!("| {} | {default} | {environment} | {}{choices} |\n", cell(&typed), cell(&help))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
