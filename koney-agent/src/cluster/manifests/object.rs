//! One document to the objects it holds: kind, name and namespace first, then the specification by kind.

use std::path::Path;
use std::sync::Arc;

use super::super::field::FieldPath;
use super::super::policy::DeceptionPolicySpec;
use super::super::problem::{Problem, Severity};
use super::super::secret::Secret;
use super::super::sink::DeceptionAlertSinkSpec;
use super::super::snapshot::{Kind, ObjectRef, Policy};
use super::super::text::quoted;
use super::super::validate::{self, Issue};
use super::super::validate_sink;
use super::merge::missing_secret;
use super::node::{Content, Node};
use super::scope::Scope;
use super::{identity, secret_object, typed, unknown};

/// The annotation of a policy that asks for attempts that the kernel denies.
const DENIED: &str = "koney/denied-attempts";
/// Who is expected to read the policy's decoys.
const READERS: &str = "koney/expected-readers";

/// What one object of a file came to.
pub(super) struct Reading {
    /// Where it starts, from 1.
    pub(super) line: u32,
    /// Which object it is, where that much could be read.
    pub(super) object: Option<ObjectRef>,
    pub(super) outcome: Outcome,
    pub(super) problems: Vec<Problem>,
}

pub(super) enum Outcome {
    /// In force.
    Valid(Object),
    /// What was last read stays in force; without that, `fallback`.
    Invalid { fallback: Option<Object> },
    /// Not for us.
    Ignored,
}

pub(super) enum Object {
    Policy(Policy),
    /// The specification, and the problem to report when the Secret it names is missing.
    Sink(Box<DeceptionAlertSinkSpec>, Problem),
    Secret(Arc<Secret>),
}

/// Reads every object of a document: one, or the items of a list.
pub(super) fn read(file: &Path, node: &Node, agent_namespace: &str) -> Vec<Reading> {
    if matches!(node.content, Content::Null) {
        return Vec::new();
    }
    let document = Scope { file, node, prefix: FieldPath::default(), object: None };
    let is_list = node.text("kind").is_some_and(|kind| kind.ends_with("List"));
    let Some(Content::List(items)) = node.get("items").filter(|_| is_list).map(|items| &items.content) else {
        return vec![one(document, agent_namespace)];
    };
    items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            let prefix = FieldPath::root("items").index(index);
            one(Scope { node: item, prefix, ..document.clone() }, agent_namespace)
        })
        .collect()
}

fn one(mut scope: Scope<'_>, agent_namespace: &str) -> Reading {
    let kind = match identity::kind(&scope) {
        Ok(kind) => kind,
        Err(problem) if problem.severity == Severity::Info => {
            return ignored(&scope, None, *problem);
        }
        Err(problem) => return invalid(&scope, None, *problem),
    };
    let object = match identity::object(&scope, kind, agent_namespace) {
        Ok(object) => object,
        Err(problem) => return invalid(&scope, None, *problem),
    };
    scope.name(&object);
    if object.namespace.as_deref().is_some_and(|namespace| namespace != agent_namespace) {
        let severity = if kind == Kind::Sink { Severity::Warning } else { Severity::Info };
        let reason = format!("is ignored: it is not in the agent's namespace {}", quoted(agent_namespace));
        let field = FieldPath::root("metadata").key("namespace");
        let problem = scope.problem(severity, &field, &reason, "move it there if it is meant for koney");
        return ignored(&scope, Some(object), problem);
    }
    if let Err(problem) = identity::version(&scope, kind) {
        return invalid(&scope, Some(object), *problem);
    }
    match kind {
        Kind::Policy => policy(&scope, object),
        Kind::Sink => sink(&scope, object),
        Kind::Secret => secret_object::read(&scope, object),
    }
}

fn policy(scope: &Scope<'_>, object: ObjectRef) -> Reading {
    let spec: DeceptionPolicySpec = match typed::spec(scope) {
        Ok(spec) => spec,
        Err(problem) => return invalid(scope, Some(object), *problem),
    };
    let validated = validate::policy(&object.name, &spec);
    let mut problems = issues(scope, &validated.issues);
    problems.extend(unknown::of_resource(scope, &written(&spec)));
    let denied = identity::flag(scope, DENIED).unwrap_or_else(|problem| {
        problems.push(*problem);
        false
    });
    let (readers, unread) = identity::readers(scope, READERS);
    problems.extend(unread);
    let (labels, unread) = identity::labels(scope);
    problems.extend(unread);
    let policy = Object::Policy(Policy { denied, readers, labels, ..validated.policy });
    let outcome = if validated.rejected { Outcome::Invalid { fallback: Some(policy) } } else { Outcome::Valid(policy) };
    Reading { line: scope.node.line, object: Some(object), outcome, problems }
}

fn sink(scope: &Scope<'_>, object: ObjectRef) -> Reading {
    let spec: DeceptionAlertSinkSpec = match typed::spec(scope) {
        Ok(spec) => spec,
        Err(problem) => return invalid(scope, Some(object), *problem),
    };
    let found = validate_sink::sink(&spec);
    let mut problems = issues(scope, &found);
    problems.extend(unknown::of_resource(scope, &written(&spec)));
    let (section, _) = spec.secret();
    let field = FieldPath::root("spec").key(section).key("secretName");
    let missing = missing_secret(scope.problem(Severity::Warning, &field, "", ""), &spec);
    let outcome = if found.is_empty() {
        Outcome::Valid(Object::Sink(Box::new(spec), missing))
    } else {
        Outcome::Invalid { fallback: None }
    };
    Reading { line: scope.node.line, object: Some(object), outcome, problems }
}

fn issues(scope: &Scope<'_>, issues: &[Issue]) -> Vec<Problem> {
    issues.iter().map(|issue| scope.problem(issue.severity, &issue.field, &issue.reason, &issue.remedy)).collect()
}

fn written(spec: &impl serde::Serialize) -> serde_json::Value {
    serde_json::to_value(spec).expect("specifications are plain data")
}

fn invalid(scope: &Scope<'_>, object: Option<ObjectRef>, problem: Problem) -> Reading {
    let outcome = Outcome::Invalid { fallback: None };
    Reading { line: scope.node.line, object, outcome, problems: vec![problem] }
}

fn ignored(scope: &Scope<'_>, object: Option<ObjectRef>, problem: Problem) -> Reading {
    Reading { line: scope.node.line, object, outcome: Outcome::Ignored, problems: vec![problem] }
}
