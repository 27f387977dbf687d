//! The API server.

use std::{
    collections::{HashMap, HashSet},
    fs,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, Result};
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    path::{Asked, query},
    store::{Store, refusal},
    watch::{self as watching, Watch},
    write,
};
use crate::{
    certificate::certificate,
    https::{Body, Https, respond},
};

/// The file that tells a client where and with which token.
pub(super) const KUBECONFIG: &str = "kubeconfig";
const TOKEN: &str = "api-server-token";
/// What asks for an object without its spec and status.
const METADATA_ONLY: &str = "as=PartialObjectMetadata";

/// An API server on loopback; it ends when this is dropped.
pub struct ApiServer {
    server: Https,
    shared: Arc<Shared>,
}

struct Shared {
    store: Store,
    /// Path and query of every request.
    requests: Mutex<Vec<String>>,
    /// Watches end when it changes.
    over: watch::Sender<u64>,
    /// Answer so many further watches with half an event.
    broken: AtomicUsize,
    /// How long each answer takes.
    slow: Mutex<Duration>,
    /// Resources whose definition has no status.
    stateless: Mutex<HashSet<String>>,
}

impl ApiServer {
    /// Listens on a free port; the kubeconfig and the authority's certificate are in `folder`.
    pub async fn start(folder: &Path) -> Result<Self> {
        let (tls, authority) = certificate()?;
        let server = Https::absent(tls).await?;
        let certificates = folder.join("api-server.crt");
        fs::write(&certificates, authority).context("write the API server's authority")?;
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{ "name": "test", "cluster": {
                "server": format!("https://{}", server.address), "certificate-authority": certificates,
            } }],
            "users": [{ "name": "agent", "user": { "token": TOKEN } }],
            "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "agent" } }],
        });
        fs::write(folder.join(KUBECONFIG), config.to_string()).context("write the kubeconfig")?;
        let shared = Shared {
            store: Store::default(),
            requests: Mutex::default(),
            over: watch::channel(0).0,
            broken: AtomicUsize::new(0),
            slow: Mutex::default(),
            stateless: Mutex::default(),
        };
        let mut api = Self { server, shared: Arc::new(shared) };
        api.appear().await?;
        Ok(api)
    }

    /// Begins to listen again.
    pub async fn appear(&mut self) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        self.server.appear(move |request| answer(Arc::clone(&shared), request)).await
    }

    /// Goes away, and all connections with it.
    pub fn vanish(&mut self) {
        self.server.vanish();
        self.end_watches();
    }

    /// Ends every watch, as an API server does from time to time.
    pub fn end_watches(&self) {
        self.shared.over.send_modify(|count| *count += 1);
    }

    /// Answers so many further watches with half an event.
    pub fn break_watches(&self, count: usize) {
        self.shared.broken.store(count, Ordering::Relaxed);
    }

    /// Takes this long for each answer.
    pub fn slow_down(&self, by: Duration) {
        *self.shared.slow.lock().unwrap_or_else(PoisonError::into_inner) = by;
    }

    /// The definition of this resource has no status, as Koney's of sinks.
    pub fn without_status(&self, resource: &str) {
        self.shared.stateless.lock().unwrap_or_else(PoisonError::into_inner).insert(resource.to_owned());
    }

    /// The objects.
    #[must_use]
    pub fn store(&self) -> Store {
        self.shared.store.clone()
    }

    /// Path and query of every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    shared.requests.lock().unwrap_or_else(PoisonError::into_inner).push(path);
    let slow = *shared.slow.lock().unwrap_or_else(PoisonError::into_inner);
    tokio::time::sleep(slow).await;
    let header = |name: header::HeaderName| {
        request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
    };
    if header(header::AUTHORIZATION) != format!("Bearer {TOKEN}") {
        return refuse(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized");
    }
    let Some(asked) = Asked::of(request.uri().path()) else {
        return refuse(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource");
    };
    let stateless = || shared.stateless.lock().unwrap_or_else(PoisonError::into_inner).contains(&asked.resource);
    if asked.subresource.is_some() && stateless() {
        return refuse(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource");
    }
    if request.method() != Method::GET {
        let method = request.method().clone();
        let Ok(body) = request.into_body().collect().await else {
            return refuse(StatusCode::BAD_REQUEST, "BadRequest", "no body");
        };
        return write::answer(&shared.store, &method, &asked, &body.to_bytes());
    }
    let query = query(request.uri().query());
    let node = query.get("fieldSelector").and_then(|selector| selector.strip_prefix("spec.nodeName=")).map(str::to_owned);
    if query.get("watch").is_some_and(|watch| watch == "true" || watch == "1") {
        return watch(&shared, asked, node, &query);
    }
    let (objects, version) = shared.store.list(&asked, node.as_deref());
    if asked.name.is_some() {
        return match objects.first() {
            Some(object) if header(header::ACCEPT).contains(METADATA_ONLY) => found(&metadata_of(object)),
            Some(object) => found(object),
            None => refuse(StatusCode::NOT_FOUND, "NotFound", "not found"),
        };
    }
    let label = query.get("labelSelector").and_then(|selector| selector.split_once('='));
    let has = |object: &Value| label.is_none_or(|(name, value)| object["metadata"]["labels"][name] == value);
    list(&asked, objects.into_iter().filter(has).collect(), version, &query)
}

fn watch(shared: &Shared, asked: Asked, node: Option<String>, query: &HashMap<String, String>) -> Response<Body> {
    if shared.broken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        return watching::broken();
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
    let kind = kind_of(&asked.resource);
    let watch = Watch {
        asked,
        node,
        version: number("resourceVersion").unwrap_or(0),
        bookmarks: query.get("allowWatchBookmarks").is_some_and(|allowed| allowed == "true"),
        timeout: Duration::from_secs(number("timeoutSeconds").unwrap_or(3600)),
        kind,
    };
    watching::answer(shared.store.clone(), watch, shared.over.subscribe())
}

/// Page by page, where that is asked for; the token is the position.
fn list(asked: &Asked, objects: Vec<Value>, version: u64, query: &HashMap<String, String>) -> Response<Body> {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (start, limit) = (number("continue").unwrap_or(0), number("limit").unwrap_or(usize::MAX));
    let next = start.saturating_add(limit);
    let more = if next < objects.len() { next.to_string() } else { String::new() };
    let items: Vec<_> = objects.into_iter().skip(start).take(limit).collect();
    found(&json!({
        "apiVersion": asked.api, "kind": format!("{}List", kind_of(&asked.resource)),
        "metadata": { "resourceVersion": version.to_string(), "continue": more }, "items": items,
    }))
}

fn kind_of(plural: &str) -> String {
    match plural {
        "deceptionpolicies" => "DeceptionPolicy".to_owned(),
        "deceptionalertsinks" => "DeceptionAlertSink".to_owned(),
        "secrets" => "Secret".to_owned(),
        "pods" => "Pod".to_owned(),
        "leases" => "Lease".to_owned(),
        other => other.to_owned(),
    }
}

fn metadata_of(object: &Value) -> Value {
    json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": object.get("metadata") })
}

pub(super) fn found(object: &Value) -> Response<Body> {
    let mut response = respond(StatusCode::OK, object.to_string());
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

pub(super) fn refuse(status: StatusCode, reason: &str, message: &str) -> Response<Body> {
    respond(status, refusal(status.as_u16(), reason, message).to_string())
}
