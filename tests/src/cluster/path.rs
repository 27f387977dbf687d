//! What a request's path and query ask for.

use std::collections::HashMap;

/// A resource, its namespace and the object's name, each where the path has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// `GROUP/VERSION`, or `v1` for the core group.
    pub(super) api: String,
    /// Plural.
    pub(super) resource: String,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    /// `status`.
    pub(super) subresource: Option<String>,
}

impl Asked {
    /// `/api/v1/…` and `/apis/GROUP/VERSION/…`.
    pub(super) fn of(path: &str) -> Option<Self> {
        let mut parts = path.split('/').skip(1);
        let api = match parts.next()? {
            "api" => parts.next()?.to_owned(),
            "apis" => format!("{}/{}", parts.next()?, parts.next()?),
            _ => return None,
        };
        let first = parts.next()?;
        let of =
            |resource: &str, namespace| Self { api, resource: resource.to_owned(), namespace, name: None, subresource: None };
        let mut asked = if first == "namespaces" {
            // A namespace is an object of its own, and one in which others are.
            let namespace = parts.next()?.to_owned();
            match parts.next() {
                Some(resource) => of(resource, Some(namespace)),
                None => return Some(Self { name: Some(namespace), ..of(first, None) }),
            }
        } else {
            of(first, None)
        };
        (asked.name, asked.subresource) = (parts.next().map(str::to_owned), parts.next().map(str::to_owned));
        Some(asked)
    }
}

/// The query's parameters; only what the agent sends is decoded.
pub(super) fn query(text: Option<&str>) -> HashMap<String, String> {
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (decoded(name), decoded(value)));
    text.unwrap_or_default().split('&').filter_map(pair).collect()
}

fn decoded(text: &str) -> String {
    text.replace('+', " ").replace("%3D", "=").replace("%2C", ",").replace("%2F", "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_both_kinds_are_read() {
        let asked = Asked::of("/apis/apps/v1/namespaces/shop/replicasets/web-7").expect("a path");
        assert_eq!((asked.api.as_str(), asked.resource.as_str()), ("apps/v1", "replicasets"));
        assert_eq!((asked.namespace.as_deref(), asked.name.as_deref()), (Some("shop"), Some("web-7")));
        let asked = Asked::of("/api/v1/pods").expect("a path");
        assert_eq!((asked.api.as_str(), asked.resource.as_str(), asked.namespace, asked.name), ("v1", "pods", None, None));
        let asked = Asked::of("/api/v1/namespaces/kube-system").expect("a path");
        assert_eq!((asked.resource.as_str(), asked.namespace, asked.name.as_deref()), ("namespaces", None, Some("kube-system")));
        assert_eq!(Asked::of("/healthz"), None);
        assert_eq!(query(Some("fieldSelector=spec.nodeName%3Dnode-1"))["fieldSelector"], "spec.nodeName=node-1");
    }
}
