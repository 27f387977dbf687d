//! The other end of the socket: a command asks the agent that runs on this node.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::net::UnixStream;

use super::{
    operator::{DeadLetter, Done, LogLevel, Refused, Tested, Which},
    socket,
    status::Status,
};

/// The agent does not answer, or refuses. The operator acts.
#[derive(Debug, Error)]
pub enum AskError {
    /// Nobody is there.
    #[error("no agent answers at {}: {error}; start one on this node, or name its folder with --state", path.display())]
    Absent {
        /// The socket.
        path: PathBuf,
        /// Of the kernel.
        error: io::Error,
    },
    /// Only root may ask.
    #[error("{} may be opened by root only; run this as root, or in the agent's own container", path.display())]
    Permission {
        /// The socket.
        path: PathBuf,
    },
    /// What it says cannot be read.
    #[error("the agent's answer cannot be read: {0}; ask it with a koney-agent of its own version, as in its container")]
    Unreadable(String),
    /// It will not do it.
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// The agent of this node, by the folder that it keeps.
#[derive(Clone, Debug)]
pub struct Agent {
    path: PathBuf,
}

impl Agent {
    /// The one with this folder.
    #[must_use]
    pub fn of(state: &Path) -> Self {
        Self { path: socket::path(state) }
    }

    /// Alerts that their sinks will never take; of one sink, or of all.
    pub async fn dead_letters(&self, sink: Option<&str>) -> Result<Vec<DeadLetter>, AskError> {
        self.ask("/deadletters", &Which { sink: sink.map(str::to_owned), ids: Vec::new() }).await
    }

    /// One of them with what was sent, from each sink that has it.
    pub async fn dead_letter(&self, id: &str) -> Result<Vec<DeadLetter>, AskError> {
        self.ask("/deadletters/show", &Which { sink: None, ids: vec![id.to_owned()] }).await
    }

    /// Queues dead letters anew; gives how many there were.
    pub async fn retry(&self, which: &Which) -> Result<usize, AskError> {
        self.ask::<_, Done>("/deadletters/retry", which).await.map(|done| done.count)
    }

    /// Forgets dead letters; gives how many there were.
    pub async fn drop_dead(&self, which: &Which) -> Result<usize, AskError> {
        self.ask::<_, Done>("/deadletters/drop", which).await.map(|done| done.count)
    }

    /// All that there is to see of it.
    pub async fn status(&self) -> Result<Status, AskError> {
        self.ask("/status", &Which::default()).await
    }

    /// The address of the page with the key to all of it.
    pub async fn page(&self) -> Result<String, AskError> {
        self.ask("/page", &Which::default()).await
    }

    /// Has it log from another level on, if one is given; gives the level in force.
    pub async fn log(&self, level: Option<&str>) -> Result<String, AskError> {
        self.ask("/log", &LogLevel { level: level.map(str::to_owned) }).await
    }

    /// Has a test alert sent.
    pub async fn test(&self, sink: &str) -> Result<Tested, AskError> {
        self.ask("/test", &Which { sink: Some(sink.to_owned()), ids: Vec::new() }).await
    }

    async fn ask<Q: Serialize, A: DeserializeOwned>(&self, path: &str, question: &Q) -> Result<A, AskError> {
        let stream = UnixStream::connect(&self.path).await.map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => AskError::Permission { path: self.path.clone() },
            _ => AskError::Absent { path: self.path.clone(), error },
        })?;
        let unreadable = |error: &dyn std::fmt::Display| AskError::Unreadable(error.to_string());
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreadable(&error))?;
        let connection = tokio::spawn(connection);
        let body = serde_json::to_vec(question).map_err(|error| unreadable(&error))?;
        let request = Request::post(path).header("host", "koney-agent").body(Full::new(Bytes::from(body)));
        let request = request.map_err(|error| unreadable(&error))?;
        let answer = sender.send_request(request).await.map_err(|error| unreadable(&error))?;
        let status = answer.status();
        let body = answer.into_body().collect().await.map_err(|error| unreadable(&error))?.to_bytes();
        connection.abort();
        if status == StatusCode::OK {
            return serde_json::from_slice(&body).map_err(|error| unreadable(&error));
        }
        let refused: Refused = serde_json::from_slice(&body).map_err(|error| unreadable(&error))?;
        Err(refused.into())
    }
}
