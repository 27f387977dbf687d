//! What was read, together with what was in force before, to what is in force now.
//!
//! An invalid object leaves its last valid version in force. Where a broken document does not even tell which object it
//! is, all that was last read from its file and is nowhere else stays: rather too much is watched than too little.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::field::FieldPath;
use super::super::problem::{Problem, Severity};
use super::super::sink::DeceptionAlertSinkSpec;
use super::super::snapshot::{Kind, ObjectRef, SecretState, Sink, Snapshot};
use super::super::text::{quoted, shown};
use super::live;
use super::object::{Object, Outcome, Reading};

/// What one file held.
pub(super) struct FileReading {
    /// What problems call the file.
    pub(super) name: PathBuf,
    pub(super) readings: Vec<Reading>,
}

/// An object in force, and where it was read.
struct Held {
    object: Object,
    file: PathBuf,
    line: Option<u32>,
}

/// Which objects are in force after `files` were read on top of `previous`.
pub(super) fn merge(files: Vec<FileReading>, previous: &Snapshot) -> Snapshot {
    let mut merge = Merge { previous, held: BTreeMap::new(), problems: Vec::new() };
    let mut invalid = Vec::new();
    for FileReading { name, readings } in files {
        for reading in readings {
            match reading.outcome {
                Outcome::Valid(object) => merge.admit(reading.object, object, name.clone(), reading.line, reading.problems),
                Outcome::Ignored => merge.problems.extend(reading.problems),
                Outcome::Invalid { fallback } => {
                    invalid.push((name.clone(), reading.object, fallback, reading.problems));
                }
            }
        }
    }
    // Only now is it known which invalid objects have a valid namesake.
    for (file, object, fallback, problems) in invalid {
        let kept = match object {
            Some(object) => merge.keep_or_fall_back(object, fallback, &file),
            None => merge.keep_all_of(&file),
        };
        merge.problems.extend(problems.into_iter().map(|problem| if kept { keeping(problem) } else { problem }));
    }
    merge.finish()
}

struct Merge<'a> {
    previous: &'a Snapshot,
    held: BTreeMap<ObjectRef, Held>,
    problems: Vec<Problem>,
}

impl Merge<'_> {
    fn admit(&mut self, id: Option<ObjectRef>, object: Object, file: PathBuf, line: u32, problems: Vec<Problem>) {
        let Some(id) = id else { return };
        if let Some(first) = self.held.get(&id) {
            let line_of_first = first.line.map(|line| format!(":{line}")).unwrap_or_default();
            let place = format!("{}{line_of_first}", shown(&first.file.to_string_lossy()));
            self.problems.push(Problem {
                line: Some(line),
                object: Some(id.to_string()),
                ..Problem::of_file(
                    Severity::Error,
                    file,
                    &format!("is ignored: {place} defines it already"),
                    "remove one of them",
                )
            });
            return;
        }
        self.problems.extend(problems);
        self.held.insert(id, Held { object, file, line: Some(line).filter(|line| *line > 0) });
    }

    /// Whether the last valid version of the object stays in force.
    fn keep_or_fall_back(&mut self, id: ObjectRef, fallback: Option<Object>, file: &Path) -> bool {
        if self.held.contains_key(&id) {
            return false;
        }
        // A policy without traps was never valid: what it says now is as good.
        let last = in_force(self.previous, &id)
            .filter(|object| fallback.is_none() || !matches!(object, Object::Policy(policy) if policy.traps.is_empty()));
        let kept = last.is_some();
        if let Some(object) = last.or(fallback) {
            self.held.insert(id, Held { object, file: file.to_owned(), line: None });
        }
        kept
    }

    /// Whether anything that was last read from the file stays in force.
    fn keep_all_of(&mut self, file: &Path) -> bool {
        let mut kept = false;
        for (id, _) in self.previous.origins.iter().filter(|(_, origin)| *origin == file) {
            let Some(object) = in_force(self.previous, id) else {
                continue;
            };
            kept = true;
            self.held.entry(id.clone()).or_insert_with(|| Held { object, file: file.to_owned(), line: None });
        }
        kept
    }

    fn finish(self) -> Snapshot {
        let mut snapshot = Snapshot { problems: self.problems, ..Snapshot::default() };
        let mut sinks = Vec::new();
        for (id, held) in self.held {
            match held.object {
                Object::Policy(policy) => snapshot.policies.push(policy),
                Object::Secret(secret) => snapshot.secrets.push(secret),
                Object::Sink(spec, missing) => sinks.push((id.clone(), spec, missing)),
            }
            snapshot.origins.insert(id, held.file);
        }
        for (ObjectRef { namespace, name, .. }, spec, missing) in sinks {
            let namespace = namespace.unwrap_or_default();
            let (_, wanted) = spec.secret();
            let found = snapshot.secrets.iter().find(|secret| secret.namespace == namespace && secret.name == wanted);
            let secret = if let Some(secret) = found {
                SecretState::Found(Arc::clone(secret))
            } else {
                snapshot.problems.push(missing);
                SecretState::Missing(wanted.to_owned())
            };
            snapshot.sinks.push(Sink { namespace, name, spec: *spec, secret });
        }
        snapshot.problems.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
        snapshot
    }
}

/// The object as `previous` has it in force.
fn in_force(previous: &Snapshot, id: &ObjectRef) -> Option<Object> {
    let is_named = |namespace: &String, name: &String| id.namespace.as_ref() == Some(namespace) && id.name == *name;
    match id.kind {
        Kind::Policy => previous.policies.iter().find(|policy| policy.name == id.name).cloned().map(Object::Policy),
        Kind::Secret => {
            let mut secrets = previous.secrets.iter();
            secrets.find(|secret| is_named(&secret.namespace, &secret.name)).cloned().map(Object::Secret)
        }
        Kind::Sink => {
            let sink = previous.sinks.iter().find(|sink| is_named(&sink.namespace, &sink.name))?;
            let file = previous.origins.get(id).cloned().unwrap_or_default();
            let missing = missing_secret(Problem::of_file(Severity::Warning, file, "", ""), &sink.spec);
            Some(Object::Sink(Box::new(sink.spec.clone()), Problem { object: Some(id.to_string()), ..missing }))
        }
    }
}

/// What to say about a sink without its Secret, at the place that `at` names.
pub(super) fn missing_secret(at: Problem, spec: &DeceptionAlertSinkSpec) -> Problem {
    let (section, secret) = spec.secret();
    Problem {
        field: Some(FieldPath::root("spec").key(section).key("secretName").to_string()),
        reason: format!("there is no Secret {} in the agent's namespace", quoted(secret)),
        remedy: if at.file == Path::new(live::SOURCE) { "create it" } else { "add it to the folder" }.to_owned(),
        ..at
    }
}

fn keeping(problem: Problem) -> Problem {
    if problem.severity != Severity::Error {
        return problem;
    }
    Problem { reason: format!("{}, keeping the last valid version", problem.reason), ..problem }
}
