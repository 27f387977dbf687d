//! An ingest endpoint for Dynatrace security events, on loopback, over real TLS.
//!
//! A double, because a tenant cannot be had in a test: it takes what the published API takes and answers as that answers. What it
//! has accepted it writes to a record of its own, byte for byte, before it answers.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions},
    io::Write as _,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use serde_json::Value;

use crate::{
    certificate::certificate_at,
    https::{Body, Https, respond},
    schema,
};

/// The path of the built-in endpoint.
const PATH: &str = "/platform/ingest/v1/security.events";
/// Request limit of the published API.
const MOST_BYTES: usize = 10_000_000;

/// A running endpoint; it ends when this is dropped.
pub struct Ingest {
    /// `https://127.0.0.1:PORT`.
    pub url: String,
    /// The authority that signed its certificate, as PEM.
    pub authority: String,
    /// The token it takes.
    pub token: String,
    record: PathBuf,
    server: Https,
    state: Arc<State>,
}

/// The two kinds of token that Dynatrace gives out, each with a scheme of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `Api-Token dt0c01.…`
    Access,
    /// `Bearer dt0s16.…`
    Platform,
}

/// One request, whatever became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// What it was answered.
    pub status: u16,
    /// Its `Authorization`.
    pub authorization: String,
    /// The id of the event it carried.
    pub event_id: String,
}

struct State {
    authorization: Mutex<String>,
    record: Mutex<File>,
    attempts: Mutex<Vec<Attempt>>,
    /// Answers to give before anything is looked at.
    next: Mutex<VecDeque<StatusCode>>,
}

impl Ingest {
    /// Listens on a free port of loopback, for an access token. Accepted events go to `folder/accepted.jsonl`, one request body
    /// per line.
    pub async fn start(folder: &Path) -> Result<Self> {
        Self::start_for(folder, TokenKind::Access).await
    }

    /// As [`Ingest::start`], for a token of this kind and no other.
    pub async fn start_for(folder: &Path, kind: TokenKind) -> Result<Self> {
        let mut ingest = Self::absent_for(folder, kind).await?;
        ingest.appear().await?;
        Ok(ingest)
    }

    /// An endpoint whose address and token are known and which is not there yet.
    pub async fn absent(folder: &Path) -> Result<Self> {
        Self::absent_for(folder, TokenKind::Access).await
    }

    /// As [`Ingest::start`], at another address of this machine.
    pub async fn start_at(folder: &Path, address: IpAddr) -> Result<Self> {
        let mut ingest = Self::absent_at(folder, address, TokenKind::Access).await?;
        ingest.appear().await?;
        Ok(ingest)
    }

    async fn absent_for(folder: &Path, kind: TokenKind) -> Result<Self> {
        Self::absent_at(folder, Ipv4Addr::LOCALHOST.into(), kind).await
    }

    async fn absent_at(folder: &Path, address: IpAddr, kind: TokenKind) -> Result<Self> {
        fs::create_dir_all(folder).context("make the endpoint's folder")?;
        let record = folder.join("accepted.jsonl");
        let file = OpenOptions::new().create(true).append(true).open(&record).context("open the endpoint's record")?;
        let (token, authorization) = kind.token();
        let (tls, authority) = certificate_at(address)?;
        let server = Https::absent_at(address, tls).await?;
        let state = State {
            authorization: Mutex::new(authorization),
            record: Mutex::new(file),
            attempts: Mutex::default(),
            next: Mutex::default(),
        };
        Ok(Self { url: format!("https://{}", server.address), authority, token, record, server, state: Arc::new(state) })
    }

    /// Begins to listen at its address.
    pub async fn appear(&mut self) -> Result<()> {
        let state = Arc::clone(&self.state);
        self.server
            .appear(move |request| {
                let state = Arc::clone(&state);
                async move { answer(&state, request).await }
            })
            .await
    }

    /// Takes another token from now on, and refuses the one before.
    pub fn rotate(&mut self) {
        self.token = self.token.replace('S', "T");
        *lock(&self.state.authorization) = format!("Api-Token {}", self.token);
    }

    /// Answers the next requests so, whatever they hold.
    pub fn answer_next(&self, statuses: impl IntoIterator<Item = StatusCode>) {
        lock(&self.state.next).extend(statuses);
    }

    /// All requests for the endpoint so far.
    #[must_use]
    pub fn attempts(&self) -> Vec<Attempt> {
        lock(&self.state.attempts).clone()
    }

    /// All connections so far, also those that never became a request.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// The bodies of the accepted requests, read back from the endpoint's record.
    pub fn accepted(&self) -> Result<Vec<String>> {
        let text = fs::read_to_string(&self.record).context("read the endpoint's record")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The accepted events, parsed: one for each that a body has.
    pub fn events(&self) -> Result<Vec<Value>> {
        let mut events = Vec::new();
        for body in self.accepted()? {
            match serde_json::from_str(&body).context("an accepted body is JSON")? {
                Value::Array(batch) => events.extend(batch),
                event => events.push(event),
            }
        }
        Ok(events)
    }
}

impl TokenKind {
    /// A token in its public form (prefix, 24 characters, 64 characters), and the header that must carry it.
    fn token(self) -> (String, String) {
        let (scheme, prefix) = match self {
            Self::Access => ("Api-Token", "dt0c01"),
            Self::Platform => ("Bearer", "dt0s16"),
        };
        let token = format!("{prefix}.{}.{}", "KONEYDEMOKONEYDEMOKONEYD", "S".repeat(64));
        let authorization = format!("{scheme} {token}");
        (token, authorization)
    }
}

async fn answer(state: &State, request: Request<Incoming>) -> Response<Body> {
    if request.uri().path() != PATH || request.method() != Method::POST {
        return refuse(StatusCode::NOT_FOUND, "no such endpoint");
    }
    let (head, body) = request.into_parts();
    let header = |name: header::HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let authorization = header(header::AUTHORIZATION);
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return refuse(StatusCode::BAD_REQUEST, "body missing");
    };
    let prepared = lock(&state.next).pop_front();
    let verdict = if let Some(status) = prepared {
        Err((status, "not now".to_owned()))
    } else if head.uri.query().is_some() {
        Err((StatusCode::BAD_REQUEST, "query parameters would override the event".to_owned()))
    } else if authorization != *lock(&state.authorization) {
        Err((StatusCode::UNAUTHORIZED, "token missing or invalid".to_owned()))
    } else if header(header::CONTENT_TYPE) != "application/json" {
        Err((StatusCode::BAD_REQUEST, "content type".to_owned()))
    } else if body.len() > MOST_BYTES {
        Err((StatusCode::PAYLOAD_TOO_LARGE, "too large".to_owned()))
    } else {
        accept(state, &body).map_err(|problem| (StatusCode::BAD_REQUEST, problem))
    };
    let status = verdict.as_ref().map_or_else(|(status, _)| *status, |()| StatusCode::ACCEPTED);
    lock(&state.attempts).push(Attempt {
        status: status.as_u16(),
        authorization: authorization.to_owned(),
        event_id: event_id(&body),
    });
    match verdict {
        Ok(()) => respond(status, Bytes::new()),
        Err((_, problem)) => refuse(status, &problem),
    }
}

fn event_id(body: &[u8]) -> String {
    let event: Value = serde_json::from_slice(body).unwrap_or_default();
    event.get("event.id").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn accept(state: &State, body: &[u8]) -> Result<(), String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let events = value.as_array().map_or(std::slice::from_ref(&value), Vec::as_slice);
    if let Some(problem) = events.iter().find_map(schema::problem) {
        return Err(problem);
    }
    if body.contains(&b'\n') {
        return Err("the record holds one body per line".to_owned());
    }
    lock(&state.record).write_all(&[body, b"\n"].concat()).map_err(|error| error.to_string())
}

fn refuse(status: StatusCode, message: &str) -> Response<Body> {
    let error = serde_json::json!({"error": {"code": status.as_u16(), "message": message}});
    respond(status, Bytes::from(error.to_string()))
}

/// A panic elsewhere leaves nothing here half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
