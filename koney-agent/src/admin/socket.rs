//! The socket through which root on this node talks to the agent: HTTP with JSON, over a file that nobody else can open.

use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, HeaderValue},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::net::UnixListener;
use tracing::{info, warn};

use super::{
    accept::{self, Limits},
    operator::{Done, LogLevel, Operator, Refused, Which},
};

/// Its name in the agent's folder.
pub const NAME: &str = "agent.sock";

/// A test alert waits for its receiver.
const LIMITS: Limits = Limits { connections: 4, patience: Duration::from_mins(1) };
/// Bytes of what is asked.
const LARGEST: usize = 1 << 20;

/// Whoever gets the question wrong is of another version.
const REMEDY: &str = "ask with a koney-agent of the agent's own version, as in its container";

/// Where the socket of the agent with this folder is.
#[must_use]
pub fn path(state: &Path) -> PathBuf {
    state.join(NAME)
}

/// Serves it for ever. What an agent before this one has left is replaced.
pub async fn serve(path: PathBuf, operator: Arc<dyn Operator>) {
    let listener = match listen(&path) {
        Ok(listener) => listener,
        Err(error) => {
            let path = path.display();
            warn!(%path, %error, "no socket for `koney-agent status`, `deadletter` and `sink test`: make the folder of --state writable; everything else goes on");
            return std::future::pending().await;
        }
    };
    info!(path = %path.display(), "root can talk to this agent");
    let answer = move |request| {
        let operator = Arc::clone(&operator);
        async move { answer(request, operator.as_ref()).await }
    };
    accept::serve(LIMITS, listener, answer).await;
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
        // Whoever may enter the folder may connect in the moment before the file has its mode.
        fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    Ok(listener)
}

async fn answer(request: Request<Incoming>, operator: &dyn Operator) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return json(&Err::<(), _>(Refused::new(format!("what is asked cannot be read: {error}; {REMEDY}")))),
    };
    if parts.method != Method::POST {
        return json(&Err::<(), _>(Refused::new(format!("{} is nothing that this agent knows; {REMEDY}", parts.method))));
    }
    match parts.uri.path() {
        "/log" => match read::<LogLevel>(&body) {
            Ok(LogLevel { level }) => json(&operator.log(level.as_deref()).await),
            Err(refused) => json(&Err::<(), _>(refused)),
        },
        path => match read::<Which>(&body) {
            Ok(which) => answer_about(path, &which, operator).await,
            Err(refused) => json(&Err::<(), _>(refused)),
        },
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refused> {
    serde_json::from_slice(body).map_err(|error| Refused::new(format!("what is asked for cannot be read: {error}; {REMEDY}")))
}

async fn answer_about(path: &str, which: &Which, operator: &dyn Operator) -> Response<Full<Bytes>> {
    let count = |done: Result<usize, Refused>| json(&done.map(|count| Done { count }));
    match path {
        "/status" => json(&operator.status().await),
        "/page" => json(&operator.page().await),
        "/test" => json(&operator.test(which.sink.as_deref().unwrap_or_default()).await),
        "/deadletters" => json(&operator.dead_letters(which.sink.as_deref()).await),
        "/deadletters/show" => json(&operator.dead_letter(which.ids.first().map_or("", String::as_str)).await),
        "/deadletters/retry" => count(operator.retry(which).await),
        "/deadletters/drop" => count(operator.drop_dead(which).await),
        path => json(&Err::<(), _>(Refused::new(format!("{path} is nothing that this agent knows; {REMEDY}")))),
    }
}

fn json<T: Serialize>(answer: &Result<T, Refused>) -> Response<Full<Bytes>> {
    let (status, body) = match answer {
        Ok(answer) => (StatusCode::OK, serde_json::to_vec(answer)),
        Err(refused) => (StatusCode::BAD_REQUEST, serde_json::to_vec(refused)),
    };
    let mut response = Response::new(Full::new(body.unwrap_or_default().into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
