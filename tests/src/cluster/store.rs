//! The objects, each change with a version of its own, and as much of the past as is remembered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Value, json};
use tokio::sync::watch;

use super::path::Asked;

/// Shared by the API server, its watches and the kubelet.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    inner: Mutex<Inner>,
    version: watch::Sender<u64>,
}

#[derive(Default)]
struct Inner {
    objects: BTreeMap<Key, Value>,
    past: Vec<Change>,
    /// What is older is forgotten.
    oldest: u64,
}

/// API, kind, namespace and name.
type Key = (String, String, String, String);

/// One change of one object.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    /// `ADDED`, `MODIFIED` or `DELETED`.
    pub(super) kind: &'static str,
    pub(super) object: Value,
}

impl Default for Store {
    fn default() -> Self {
        Self(Arc::new(Shared { inner: Mutex::default(), version: watch::channel(1).0 }))
    }
}

impl Store {
    /// Creates an object, or replaces it.
    pub fn apply(&self, mut object: Value) {
        let mut inner = self.lock();
        let version = *self.0.version.borrow() + 1;
        if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".to_owned(), version.to_string().into());
            let uid = format!("uid-{version}");
            metadata.entry("uid").or_insert(uid.into());
        }
        let before = inner.objects.insert(key(&object), object.clone());
        let kind = if before.is_some() { "MODIFIED" } else { "ADDED" };
        inner.past.push(Change { version, kind, object });
        self.0.version.send_replace(version);
    }

    /// An object of this name, in whatever namespace.
    #[must_use]
    pub fn get(&self, api: &str, kind: &str, name: &str) -> Option<Value> {
        let inner = self.lock();
        let found = inner.objects.iter().find(|((of, is, _, named), _)| of == api && is == kind && named == name);
        found.map(|(_, object)| object.clone())
    }

    /// Every object of a kind.
    #[must_use]
    pub fn all(&self, api: &str, kind: &str) -> Vec<Value> {
        let inner = self.lock();
        inner.objects.iter().filter(|((of, is, ..), _)| of == api && is == kind).map(|(_, object)| object.clone()).collect()
    }

    /// Deletes an object, if there is one.
    pub fn delete(&self, api: &str, kind: &str, namespace: &str, name: &str) {
        let mut inner = self.lock();
        let key = (api.to_owned(), kind.to_owned(), namespace.to_owned(), name.to_owned());
        let Some(mut object) = inner.objects.remove(&key) else { return };
        let version = *self.0.version.borrow() + 1;
        if let Some(found) = object.pointer_mut("/metadata/resourceVersion") {
            *found = version.to_string().into();
        }
        inner.past.push(Change { version, kind: "DELETED", object });
        self.0.version.send_replace(version);
    }

    /// Forgets the past, as etcd does when it is compacted: whoever has an older version must list anew.
    pub fn compact(&self) {
        let mut inner = self.lock();
        inner.oldest = *self.0.version.borrow();
        inner.past.clear();
    }

    /// Tells the version whenever it changes.
    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// What is asked for now, and the version of it all.
    pub(super) fn list(&self, asked: &Asked, node: Option<&str>) -> (Vec<Value>, u64) {
        let inner = self.lock();
        let found = inner.objects.values().filter(|object| is_asked(asked, object) && is_on(node, object));
        (found.cloned().collect(), *self.0.version.borrow())
    }

    /// Changes since a version; `None` where that is forgotten.
    pub(super) fn since(&self, version: u64, asked: &Asked, node: Option<&str>) -> Option<Vec<Change>> {
        let inner = self.lock();
        if version < inner.oldest {
            return None;
        }
        let new = inner.past.iter().filter(|change| change.version > version);
        Some(new.filter(|change| is_asked(asked, &change.object) && is_on(node, &change.object)).cloned().collect())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn key(object: &Value) -> Key {
    let part = |pointer| text(object, pointer).to_owned();
    (part("/apiVersion"), part("/kind"), part("/metadata/namespace"), part("/metadata/name"))
}

fn is_asked(asked: &Asked, object: &Value) -> bool {
    let plural = match text(object, "/kind") {
        "DeceptionPolicy" => "deceptionpolicies".to_owned(),
        kind => format!("{}s", kind.to_lowercase()),
    };
    text(object, "/apiVersion") == asked.api
        && plural == asked.resource
        && asked.namespace.as_deref().is_none_or(|namespace| namespace == text(object, "/metadata/namespace"))
        && asked.name.as_deref().is_none_or(|name| name == text(object, "/metadata/name"))
}

fn is_on(node: Option<&str>, object: &Value) -> bool {
    node.is_none_or(|node| text(object, "/spec/nodeName") == node)
}

/// A `Status` that says no.
pub(super) fn refusal(code: u16, reason: &str, message: &str) -> Value {
    json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code })
}
