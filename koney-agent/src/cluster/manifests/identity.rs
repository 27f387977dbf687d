//! Which object a document is: kind, version, namespace and name.

use super::super::GROUP;
use super::super::field::FieldPath;
use super::super::labels::{self, Labels};
use super::super::problem::{Problem, Severity};
use super::super::reader::Reader;
use super::super::snapshot::{Kind, ObjectRef};
use super::super::text::{nearest, quoted};
use super::node::{Content, Node};
use super::scope::Scope;

/// The kind; a problem of severity `Info` where it is none of ours.
pub(super) fn kind(scope: &Scope<'_>) -> Result<Kind, Box<Problem>> {
    let error = |field: &FieldPath, reason: &str, remedy: &str| Err(scope.error(field, reason, remedy));
    if !matches!(scope.node.content, Content::Map(_)) {
        let reason = format!("must be a mapping, got {}", scope.node.describe());
        return error(&FieldPath::default(), &reason, "start it with apiVersion, kind and metadata");
    }
    let field = FieldPath::root("kind");
    let Some(kind) = scope.node.text("kind") else {
        return error(&field, "is required", "write the object's kind, for example DeceptionPolicy");
    };
    let kinds = [Kind::Policy, Kind::Sink, Kind::Secret];
    if let Some(kind) = kinds.into_iter().find(|known| known.as_str() == kind) {
        return Ok(kind);
    }
    if scope.node.text("apiVersion").is_some_and(|version| version.split_once('/').is_some_and(|(group, _)| group == GROUP)) {
        let remedy = nearest(kind, kinds.map(Kind::as_str))
            .map_or_else(|| "use DeceptionPolicy or DeceptionAlertSink".to_owned(), |name| format!("did you mean {name}?"));
        return error(&field, &format!("unknown kind {}", quoted(kind)), &remedy);
    }
    let reason = format!("{} is ignored: it is no policy, sink or Secret", quoted(kind));
    Err(Box::new(scope.problem(Severity::Info, &field, &reason, "")))
}

/// Whether the version is the one that is understood.
pub(super) fn version(scope: &Scope<'_>, kind: Kind) -> Result<(), Box<Problem>> {
    let field = FieldPath::root("apiVersion");
    let expected = kind.api_version();
    match scope.node.text("apiVersion") {
        Some(given) if given == expected => Ok(()),
        Some(given) => {
            let reason = format!("unknown version {}, expected {expected}", quoted(given));
            Err(scope.error(&field, &reason, &format!("write apiVersion: {expected}")))
        }
        None => Err(scope.error(&field, "is required", &format!("write apiVersion: {expected}"))),
    }
}

/// Name and namespace. `kubectl` would put an object without a namespace into that of its context;
/// the context here is the agent's.
pub(super) fn object(scope: &Scope<'_>, kind: Kind, agent_namespace: &str) -> Result<ObjectRef, Box<Problem>> {
    let path = FieldPath::root("metadata");
    let metadata = scope.node.get("metadata");
    let read = |key: &str, limit: usize| match metadata.and_then(|metadata| metadata.get(key)) {
        None => Ok(None),
        Some(Node { content: Content::Text(text), .. }) if is_dns_name(text, limit) => Ok(Some(text.clone())),
        Some(node) => {
            let got = match &node.content {
                Content::Text(text) => quoted(text),
                _ => node.describe().to_owned(),
            };
            let reason = format!("must be a DNS name of at most {limit} characters, got {got}");
            let remedy = "use lower-case letters, digits, - and .";
            Err(scope.error(&path.key(key), &reason, remedy))
        }
    };
    let name = read("name", 253)?.ok_or_else(|| scope.error(&path.key("name"), "is required", "name the object"))?;
    let namespace = match kind {
        Kind::Policy => None,
        Kind::Sink | Kind::Secret => Some(read("namespace", 63)?.unwrap_or_else(|| agent_namespace.to_owned())),
    };
    Ok(ObjectRef { kind, namespace, name })
}

/// An annotation that names who is expected to read decoys, separated by white space; what cannot be read is a problem each.
pub(super) fn readers(scope: &Scope<'_>, name: &str) -> (Vec<Reader>, Vec<Problem>) {
    let Some(node) = annotation(scope, name) else { return (Vec::new(), Vec::new()) };
    let field = FieldPath::root("metadata").key("annotations").key(name);
    let warning =
        |reason: &str| scope.problem(Severity::Warning, &field, reason, "name programs as /path, pods as namespace/label=value");
    let Content::Text(text) = &node.content else {
        let reason = format!("must be a text, got {}; the policy is in force without it", node.describe());
        return (Vec::new(), vec![warning(&reason)]);
    };
    let (mut readers, mut problems) = (Vec::new(), Vec::new());
    for entry in text.split_whitespace() {
        match entry.parse() {
            Ok(reader) => readers.push(reader),
            Err(reason) => problems.push(warning(&format!("{reason}; whatever it reads is told"))),
        }
    }
    (readers, problems)
}

const SEVERITY: &str = "koney/severity";
const TAGS: &str = "koney/tags";
const TECHNIQUES: &str = "koney/mitre-techniques";

/// What a policy says about its alerts; what cannot be read is a problem each, and the rest is in force.
pub(super) fn labels(scope: &Scope<'_>) -> (Labels, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut text = |name: &str, remedy: &str| {
        let node = annotation(scope, name)?;
        let Content::Text(text) = &node.content else {
            problems.push(unusable(scope, name, &format!("must be a text, got {}", node.describe()), remedy));
            return None;
        };
        Some(text.clone())
    };
    let (levels, words, numbers) = (
        "use CRITICAL, HIGH, MEDIUM or LOW",
        "separate words of letters, digits and -_.:/ by commas",
        "write T1552 or T1552.001, separated by commas",
    );
    let severity = text(SEVERITY, levels).map(|text| labels::severity(&text));
    let tags = text(TAGS, words).map(|text| labels::words(&text, labels::is_tag)).unwrap_or_default();
    let techniques = text(TECHNIQUES, numbers).map(|text| labels::words(&text, labels::is_technique)).unwrap_or_default();
    problems.extend(severity.iter().filter_map(|severity| Some(unusable(scope, SEVERITY, severity.as_ref().err()?, levels))));
    problems.extend(tags.1.iter().map(|reason| unusable(scope, TAGS, reason, words)));
    problems.extend(techniques.1.iter().map(|reason| unusable(scope, TECHNIQUES, reason, numbers)));
    (Labels { severity: severity.and_then(Result::ok), tags: tags.0, techniques: techniques.0 }, problems)
}

fn unusable(scope: &Scope<'_>, name: &str, reason: &str, remedy: &str) -> Problem {
    let field = FieldPath::root("metadata").key("annotations").key(name);
    scope.problem(Severity::Warning, &field, &format!("{reason}; the policy is in force without it"), remedy)
}

fn annotation<'a>(scope: &Scope<'a>, name: &str) -> Option<&'a Node> {
    scope.node.get("metadata")?.get("annotations")?.get(name)
}

/// An annotation that is `"true"` or `"false"`; false where it is absent.
pub(super) fn flag(scope: &Scope<'_>, name: &str) -> Result<bool, Box<Problem>> {
    let Some(node) = annotation(scope, name) else { return Ok(false) };
    let got = match &node.content {
        Content::Text(text) if text == "true" => return Ok(true),
        Content::Text(text) if text == "false" => return Ok(false),
        Content::Text(text) => quoted(text),
        _ => node.describe().to_owned(),
    };
    let field = FieldPath::root("metadata").key("annotations").key(name);
    let reason = format!("must be the text \"true\" or \"false\", got {got}; the policy is in force without it");
    Err(Box::new(scope.problem(Severity::Warning, &field, &reason, "put true or false in quotes")))
}

fn is_dns_name(name: &str, limit: usize) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    name.len() <= limit
        && name.split('.').all(|label| {
            let label = label.as_bytes();
            let inside = |byte: &u8| edge(Some(byte)) || *byte == b'-';
            edge(label.first()) && edge(label.last()) && label.iter().all(inside)
        })
}
