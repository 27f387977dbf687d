//! The objects of each kind as the API server last told them.

use std::collections::BTreeMap;

use kube::{api::DynamicObject, runtime::watcher::Event};
use serde_json::{Map, Value};

use super::super::snapshot::Kind;

/// Namespace and name.
type Name = (String, String);

/// All objects of the kinds that count.
#[derive(Default)]
pub(super) struct Objects {
    kinds: BTreeMap<Kind, OfKind>,
}

#[derive(Default)]
struct OfKind {
    objects: BTreeMap<Name, Value>,
    /// A list that is coming in, to take the place of `objects` once it is whole.
    coming: Option<BTreeMap<Name, Value>>,
    listed: bool,
    /// It was asked for, and refused: there is nothing to wait for.
    refused: bool,
}

impl Objects {
    /// Takes an event in; true where something that is in force may have changed.
    pub(super) fn take(&mut self, kind: Kind, event: Event<DynamicObject>) -> bool {
        let of_kind = self.kinds.entry(kind).or_default();
        match event {
            Event::Init => {
                of_kind.coming = Some(BTreeMap::new());
                false
            }
            Event::InitApply(object) => {
                let (name, value) = whole(kind, object);
                of_kind.coming.get_or_insert_default().insert(name, value);
                false
            }
            Event::InitDone => {
                let now = of_kind.coming.take().unwrap_or_default();
                let changed = !of_kind.listed || now != of_kind.objects;
                (of_kind.objects, of_kind.listed, of_kind.refused) = (now, true, false);
                changed
            }
            Event::Apply(object) => {
                let (name, value) = whole(kind, object);
                of_kind.objects.insert(name, value.clone()) != Some(value)
            }
            Event::Delete(object) => of_kind.objects.remove(&whole(kind, object).0).is_some(),
        }
    }

    /// Every kind was listed at least once, or will not be.
    pub(super) fn are_listed(&self) -> bool {
        let answered = |of_kind: &OfKind| of_kind.listed || of_kind.refused;
        [Kind::Policy, Kind::Sink, Kind::Secret].iter().all(|kind| self.kinds.get(kind).is_some_and(answered))
    }

    /// The API server does not let the agent have this kind, or does not know it.
    pub(super) fn refuse(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default().refused = true;
    }

    /// What is kept for the next agent: no Secret, and of the decoys not what is in them.
    pub(super) fn to_keep(&self) -> Vec<(Kind, Vec<Value>)> {
        let kept = self.kinds.iter().filter(|(kind, _)| **kind != Kind::Secret);
        kept.map(|(kind, of_kind)| (*kind, of_kind.objects.values().cloned().map(without_content).collect())).collect()
    }

    /// What was kept by an agent before this one, to be in force until the API server is heard.
    pub(super) fn restore(&mut self, kept: Vec<(Kind, Vec<Value>)>) {
        for (kind, objects) in kept.into_iter().filter(|(kind, _)| *kind != Kind::Secret) {
            let text = |object: &Value, pointer| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
            let named = |object: Value| ((text(&object, "/metadata/namespace"), text(&object, "/metadata/name")), object);
            self.kinds.entry(kind).or_default().objects = objects.into_iter().map(named).collect();
        }
    }

    /// Every object that is not on its way out: what its finalizers still do to decoys is no access.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Value> {
        let all = self.kinds.values().flat_map(|of_kind| of_kind.objects.values());
        all.filter(|object| object.pointer("/metadata/deletionTimestamp").is_none_or(Value::is_null))
    }
}

fn without_content(mut object: Value) -> Value {
    let traps = object.pointer_mut("/spec/traps").and_then(Value::as_array_mut);
    for trap in traps.into_iter().flatten() {
        if let Some(file) = trap.pointer_mut("/filesystemHoneytoken").and_then(Value::as_object_mut) {
            file.remove("fileContent");
        }
    }
    object
}

/// The object as a manifest has it, without what changes all the time and concerns nobody here.
fn whole(kind: Kind, object: DynamicObject) -> (Name, Value) {
    let DynamicObject { metadata, data, .. } = object;
    let name = (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default());
    let mut value = match data {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    value.remove("status");
    value.insert("apiVersion".to_owned(), kind.api_version().into());
    value.insert("kind".to_owned(), kind.as_str().into());
    let deletion = metadata.deletion_timestamp.map(|time| serde_json::to_value(time).unwrap_or(Value::Bool(true)));
    value.insert(
        "metadata".to_owned(),
        serde_json::json!({
            "name": metadata.name, "namespace": metadata.namespace, "annotations": metadata.annotations, "deletionTimestamp": deletion,
        }),
    );
    (name, Value::Object(value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(name: &str, spec: &Value, more: &Value) -> DynamicObject {
        let mut metadata = json!({ "name": name, "resourceVersion": "7" });
        metadata.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
        serde_json::from_value(json!({ "metadata": metadata, "spec": spec, "status": { "conditions": [] } })).expect("an object")
    }

    fn names(objects: &Objects) -> Vec<&str> {
        objects.iter().filter_map(|object| object.pointer("/metadata/name")?.as_str()).collect()
    }

    #[test]
    fn a_list_replaces_what_was_known_only_once_it_is_whole() {
        let (mut objects, spec, none) = (Objects::default(), json!({}), json!({}));
        assert!(objects.take(Kind::Policy, Event::Apply(object("a", &spec, &none))));
        assert!(!objects.take(Kind::Policy, Event::Init));
        assert!(!objects.take(Kind::Policy, Event::InitApply(object("b", &spec, &none))));
        assert_eq!(names(&objects), ["a"]);
        assert!(objects.take(Kind::Policy, Event::InitDone));
        assert_eq!(names(&objects), ["b"]);
        assert!(!objects.are_listed(), "of the other kinds nothing is known");
        objects.take(Kind::Sink, Event::InitDone);
        objects.take(Kind::Secret, Event::InitDone);
        assert!(objects.are_listed());
    }

    #[test]
    fn what_is_kept_holds_no_secret_and_comes_back() {
        let (mut objects, none) = (Objects::default(), json!({}));
        let spec = json!({ "traps": [{ "filesystemHoneytoken": { "filePath": "/run/token", "fileContent": "bait" } }] });
        objects.take(Kind::Policy, Event::Apply(object("a", &spec, &none)));
        objects.take(Kind::Secret, Event::Apply(object("b", &json!({ "apiToken": "dt0c01" }), &none)));
        let text = serde_json::to_string(&objects.to_keep()).expect("JSON");
        assert!(text.contains("/run/token") && !text.contains("bait") && !text.contains("dt0c01"), "{text}");
        let mut next = Objects::default();
        next.restore(serde_json::from_str(&text).expect("what was kept"));
        assert_eq!(names(&next), ["a"]);
        assert!(!next.are_listed());
        for kind in [Kind::Policy, Kind::Sink, Kind::Secret] {
            next.refuse(kind);
        }
        assert!(next.are_listed(), "there is nothing to wait for");
    }

    #[test]
    fn status_and_versions_change_nothing_and_what_is_being_deleted_is_gone() {
        let (mut objects, spec, none) = (Objects::default(), json!({ "traps": [] }), json!({}));
        assert!(objects.take(Kind::Policy, Event::Apply(object("a", &spec, &none))));
        assert!(!objects.take(Kind::Policy, Event::Apply(object("a", &spec, &json!({ "resourceVersion": "8" })))));
        let deleting = json!({ "deletionTimestamp": "2026-01-02T03:04:05Z", "finalizers": ["koney/finalizer"] });
        assert!(objects.take(Kind::Policy, Event::Apply(object("a", &spec, &deleting))));
        assert!(names(&objects).is_empty());
        assert!(objects.take(Kind::Policy, Event::Delete(object("a", &spec, &none))));
    }
}
