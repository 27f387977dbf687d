//! What the API server is told: creating, replacing with the version that was read, and applying.
//!
//! Applying merges as the API does for the fields that agents own (`k8s.io/apimachinery`, server-side apply): objects field by field,
//! conditions by their type, everything else as a whole.

use hyper::{Method, Response, StatusCode};
use serde_json::{Value, json};

use super::{
    api::{found, refuse},
    path::Asked,
    store::Store,
};
use crate::https::Body;

/// Answers a request that writes.
pub(super) fn answer(store: &Store, method: &Method, asked: &Asked, body: &[u8]) -> Response<Body> {
    let Ok(object) = serde_json::from_slice::<Value>(body) else {
        return refuse(StatusCode::BAD_REQUEST, "BadRequest", "the object is not JSON");
    };
    let before = store.list(asked, None).0.into_iter().next().filter(|_| asked.name.is_some());
    let named = |mut object: Value| {
        if let Some(namespace) = &asked.namespace {
            object["metadata"]["namespace"] = namespace.clone().into();
        }
        object["apiVersion"] = asked.api.clone().into();
        object
    };
    let written = match (method, before) {
        (&Method::POST, _) => {
            let asked = Asked { name: object["metadata"]["name"].as_str().map(str::to_owned), ..asked.clone() };
            if !store.list(&asked, None).0.is_empty() {
                return refuse(StatusCode::CONFLICT, "AlreadyExists", "already exists");
            }
            named(object)
        }
        (&Method::PUT, Some(before)) => {
            let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
            if version(&object) != version(&before) {
                return refuse(StatusCode::CONFLICT, "Conflict", "the object has been modified");
            }
            named(object)
        }
        (&Method::PATCH, Some(mut before)) => {
            merge(&mut before, &object);
            before
        }
        // A status is that of something.
        (&Method::PATCH, None) if asked.subresource.is_none() => named(object),
        (&Method::PUT | &Method::PATCH, _) => return refuse(StatusCode::NOT_FOUND, "NotFound", "not found"),
        (&Method::DELETE, Some(before)) => {
            let text = |pointer: &str| before.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            store.delete(text("/apiVersion"), text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
            return found(&json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }));
        }
        _ => return refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", "not allowed"),
    };
    let name = written["metadata"]["name"].as_str().map(str::to_owned);
    store.apply(written);
    let now = store.list(&Asked { name, ..asked.clone() }, None).0;
    found(now.first().unwrap_or(&Value::Null))
}

fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(into), Value::Array(from)) if from.iter().all(|item| item.get("type").is_some()) => {
            for item in from {
                match into.iter_mut().find(|known| known["type"] == item["type"]) {
                    Some(known) => *known = item.clone(),
                    None => into.push(item.clone()),
                }
            }
        }
        (into, from) => *into = from.clone(),
    }
}
