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
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tracing::{debug, info, warn};

use super::operator::{Done, Operator, Refused, Which};

/// Its name in the agent's folder.
pub const NAME: &str = "agent.sock";

/// Connections at a time.
const CONNECTIONS: usize = 4;
/// The longest that one lasts; a test alert waits for its receiver.
const PATIENCE: Duration = Duration::from_mins(1);
/// Bytes of what is asked.
const LARGEST: usize = 1 << 20;

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
            warn!(%path, %error, "no socket for `koney-agent deadletter` and `koney-agent sink test`; everything else goes on");
            return std::future::pending().await;
        }
    };
    info!(path = %path.display(), "root can talk to this agent");
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let Ok(permit) = Arc::clone(&free).try_acquire_owned() else { continue };
                let operator = Arc::clone(&operator);
                tokio::spawn(async move {
                    let _permit = permit;
                    if timeout(PATIENCE, connection(stream, operator)).await.is_err() {
                        debug!("somebody took too long to ask");
                    }
                });
            }
            Err(error) => {
                debug!(%error, "a connection cannot be taken");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
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

async fn connection(stream: UnixStream, operator: Arc<dyn Operator>) {
    let answer = service_fn(|request| {
        let operator = Arc::clone(&operator);
        async move { Ok::<_, std::convert::Infallible>(answer(request, operator.as_ref()).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false).max_headers(64);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), answer).await {
        debug!(%error, "an answer could not be given");
    }
}

async fn answer(request: Request<Incoming>, operator: &dyn Operator) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return json(&Err::<(), _>(Refused::new(format!("what is asked cannot be read: {error}")))),
    };
    let which: Result<Which, Refused> =
        serde_json::from_slice(&body).map_err(|error| Refused::new(format!("which dead letters cannot be read: {error}")));
    let count = |done: Result<usize, Refused>| json(&done.map(|count| Done { count }));
    match (&parts.method, parts.uri.path(), which) {
        (&Method::POST, path, _) if path.starts_with("/test/") => json(&operator.test(path.trim_start_matches("/test/")).await),
        (&Method::POST, "/deadletters" | "/deadletters/retry" | "/deadletters/drop", Err(refused)) => {
            json(&Err::<(), _>(refused))
        }
        (&Method::POST, "/deadletters", Ok(which)) => json(&operator.dead_letters(which.sink.as_deref()).await),
        (&Method::POST, "/deadletters/show", Ok(Which { ids, .. })) => {
            json(&operator.dead_letter(ids.first().map_or("", String::as_str)).await)
        }
        (&Method::POST, "/deadletters/retry", Ok(which)) => count(operator.retry(&which).await),
        (&Method::POST, "/deadletters/drop", Ok(which)) => count(operator.drop_dead(&which).await),
        (method, path, _) => json(&Err::<(), _>(Refused::new(format!("{method} {path} is nothing that this agent knows")))),
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
