//! Every error that an operator can meet, one of each kind: it names the thing, the cause and the remedy.
//!
//! Each room lists its own in a `catalogue.rs`, by [`entries!`]: a variant without an entry does not compile, for what an entry is of is
//! told by a `match`. Problems of manifests have a remedy by their type, and are looked at where they are made; options of the command
//! line in `cli.rs`. `docs/errors.md` is made from here: `KONEY_GOLDEN=write cargo test -p koney-agent catalogue`.

use std::{collections::BTreeSet, fmt::Write as _, io, path::Path};

use crate::{
    admin::{AskError, Refused},
    cluster, event,
    kernel::{self, KernelError},
    pipeline::RunError,
    sink, trap,
};

/// What is in the way in samples: told from everything else.
pub(crate) const REASON: &str = "REASON";

/// What an operator reads: what is wrong, and what to do.
pub(crate) struct Said {
    pub(crate) wrong: String,
    pub(crate) remedy: String,
}

/// One error.
pub(crate) struct Entry {
    /// `ENUM::VARIANT`.
    pub(crate) name: String,
    pub(crate) said: Said,
    /// What the error is about, as the sample was given it.
    pub(crate) thing: &'static str,
    /// Why, likewise.
    pub(crate) cause: &'static str,
}

/// Entries of one type: each variant as a pattern, a sample of it, and the thing and the cause that must be in what is said. What is no
/// error stands behind `fine`.
macro_rules! entries {
    ($error:ty, $said:expr $(, fine [$fine:pat])?; $($pattern:pat = $sample:expr, $thing:literal, $cause:expr;)+) => {{
        let name = |error: &$error| match error {
            $($pattern => stringify!($pattern),)+
            $($fine => "fine",)?
        };
        let said = $said;
        let samples: Vec<($error, &'static str, &'static str)> = vec![$(($sample, $thing, $cause)),+];
        let entry = |(error, thing, cause): ($error, _, _)| $crate::catalogue::Entry::new(name(&error), said(&error), thing, cause);
        samples.into_iter().map(entry).collect::<Vec<_>>()
    }};
}
pub(crate) use entries;

impl Said {
    /// An error of the house: `WHAT IS WRONG; WHAT TO DO`.
    pub(crate) fn whole(error: &impl ToString) -> Self {
        let text = error.to_string();
        let (wrong, remedy) = text.rsplit_once("; ").unwrap_or((&text, ""));
        Self { wrong: wrong.to_owned(), remedy: remedy.to_owned() }
    }

    /// One whose remedy stands beside it.
    pub(crate) fn apart(wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), remedy: remedy.into() }
    }
}

impl Entry {
    pub(crate) fn new(pattern: &str, said: Said, thing: &'static str, cause: &'static str) -> Self {
        let name = pattern.split(['(', '{']).next().unwrap_or_default().trim().to_owned();
        Self { name, said, thing, cause }
    }
}

/// An error of the kernel.
pub(crate) fn os() -> io::Error {
    io::Error::other(REASON)
}

/// Of those who only hand on what other rooms say, their own.
fn of_the_agent() -> Vec<Entry> {
    let mut entries = entries!(RunError, Said::whole;
        RunError::Manifests(_) = cluster::manifests::FolderError::Unreadable { folder: "/etc/koney".into(), cause: os() }.into(),
            "/etc/koney", REASON;
        RunError::Connect(_) = cluster::api::ConnectError::Client(REASON.to_owned()).into(), "API server", REASON;
        RunError::Pods(_) = cluster::pods::SourceError::Kubelet(REASON.to_owned()).into(), "kubelet", REASON;
        RunError::Kernel(_) = KernelError::NoObject.into(), "eBPF object", "this binary";
        RunError::Stdout(_) = RunError::Stdout(os()), "standard output", REASON;
        RunError::Random(_) = RunError::Random(os()), "random bytes", REASON;
        RunError::Signals(_) = RunError::Signals(os()), "signals", REASON;
        RunError::TaskEnded(_) = RunError::TaskEnded("record"), "record task", "ended";
    );
    entries.extend(entries!(AskError, Said::whole;
        AskError::Absent { .. } = AskError::Absent { path: "/var/lib/koney/agent.sock".into(), error: os() },
            "/var/lib/koney/agent.sock", REASON;
        AskError::Permission { .. } = AskError::Permission { path: "/var/lib/koney/agent.sock".into() },
            "/var/lib/koney/agent.sock", "root only";
        AskError::Unreadable(_) = AskError::Unreadable(REASON.to_owned()), "answer", REASON;
        AskError::Refused(_) = Refused::new("there is no sink absent in this agent; name one of prod").into(), "sink absent", "no sink";
    ));
    entries.extend(entries!(event::DecodeError, Said::whole;
        event::DecodeError::Length(_) = event::DecodeError::Length(7), "record", "7 bytes";
        event::DecodeError::Version(_) = event::DecodeError::Version(99), "record", "layout version 99";
        event::DecodeError::Unknown(..) = event::DecodeError::Unknown("operation", 77), "operation 77", "unknown";
    ));
    entries
}

fn all() -> Vec<(&'static str, Vec<Entry>)> {
    vec![
        ("The agent and its commands", of_the_agent()),
        ("The kernel", kernel::catalogue::entries()),
        ("Traps", trap::catalogue::entries()),
        ("The cluster", cluster::catalogue::entries()),
        ("Sinks", sink::catalogue::entries()),
    ]
}

#[test]
fn every_error_names_the_thing_the_cause_and_the_remedy() {
    let mut names = BTreeSet::new();
    let mut faults = Vec::new();
    for (title, entry) in all().into_iter().flat_map(|(title, entries)| entries.into_iter().map(move |entry| (title, entry))) {
        let Entry { name, said: Said { wrong, remedy }, thing, cause } = entry;
        let rules = [
            (names.insert((title, name.clone())) && name != "fine", "has two samples"),
            (wrong.contains(thing), "does not name the thing"),
            (wrong.contains(cause), "does not name the cause"),
            (remedy.split(' ').count() >= 2 && !remedy.ends_with('?'), "does not say what to do"),
            (!remedy.contains(REASON), "takes its cause for its remedy"),
            (
                ![&wrong, &remedy].into_iter().any(|text| text.contains('\n') || text.ends_with('.')),
                "is not one line without a full stop",
            ),
        ];
        let broken = rules.into_iter().filter(|(holds, _)| !holds);
        faults.extend(broken.map(|(_, fault)| format!("{name} {fault} ({thing}, {cause}): {wrong} | {remedy}")));
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(names.len() > 60, "{} errors", names.len());
}

#[test]
fn the_reference_is_the_catalogue() {
    let mut made = "# Errors\n\n<!-- Made by `KONEY_GOLDEN=write cargo test -p koney-agent catalogue`; do not edit. -->\n\n\
                    What the agent and its commands say when something is wrong, and what helps. `REASON` stands for what the kernel, a file \
                    or the other side said; names and paths are examples. What is wrong with a manifest `koney-agent validate FILE` says with \
                    its line, and what is wrong with a node `koney-agent doctor`.\n"
        .to_owned();
    for (title, entries) in all() {
        write!(made, "\n## {title}\n\n| what it says | what to do |\n|---|---|\n").expect("a string takes what is written");
        let mut told = BTreeSet::new();
        for Entry { said: Said { wrong, remedy }, .. } in entries {
            // What a room hands on of another one is said already.
            if !told.insert(wrong.clone()) {
                continue;
            }
            let cell = |text: String| text.replace('|', "\\|").replace('<', "&lt;");
            writeln!(made, "| {} | {} |", cell(wrong), cell(remedy)).expect("a string takes what is written");
        }
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/errors.md");
    if std::env::var_os("KONEY_GOLDEN").is_some_and(|value| value == "write") {
        std::fs::write(&path, &made).expect("the file is written");
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        known == made,
        "docs/errors.md is not what the catalogue makes of it: KONEY_GOLDEN=write cargo test -p koney-agent catalogue"
    );
}
