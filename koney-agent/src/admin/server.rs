//! Four pages over HTTP, for whoever can reach the address. Everything about a request but its path is ignored, and for metrics the form that it asks for.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{
        ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    },
};
use tokio::{net::TcpListener, time::sleep};
use tracing::{debug, info, warn};

use super::{
    accept::{self, Limits},
    health::Health,
    metrics::{self, Facts, Form},
    status::{self, Key, Status},
};

/// Where the pages are unless the configuration says otherwise.
pub const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8089);

const LIMITS: Limits = Limits { connections: 16, patience: Duration::from_secs(10) };
/// Between two attempts to have the address.
const RETRY: Duration = Duration::from_secs(5);

/// The pages.
pub struct Admin {
    /// How far the agent is.
    pub health: Arc<Health>,
    /// Counts, when somebody asks.
    pub facts: Box<dyn Fn() -> Facts + Send + Sync>,
    /// All that there is to see, when somebody asks.
    pub status: Box<dyn Fn() -> Status + Send + Sync>,
    /// Who has it may see the decoys' names.
    pub key: Key,
    /// Told once, where it listens.
    pub listens: Arc<OnceLock<SocketAddr>>,
}

impl Admin {
    /// Serves the pages for ever. An address that is taken is waited for: the agent before this one may still have it.
    pub async fn serve(self, address: SocketAddr) {
        let mut told = false;
        let listener = loop {
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(error) if told => debug!(%address, %error, "still cannot listen"),
                Err(error) => {
                    warn!(%address, %error, "no health and no metrics can be had: cannot listen; trying again (--admin names another address, or none)");
                    told = true;
                }
            }
            sleep(RETRY).await;
        };
        let address = listener.local_addr().unwrap_or(address);
        // Nothing listens anywhere else before.
        let _first = self.listens.set(address);
        info!(%address, "health, metrics and the page can be had");
        let admin = Arc::new(self);
        let answer = move |request| {
            let admin = Arc::clone(&admin);
            async move { admin.answer(&request) }
        };
        accept::serve(LIMITS, listener, answer).await;
    }

    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if request.method() != Method::GET {
            return text(StatusCode::METHOD_NOT_ALLOWED, "only GET\n".to_owned());
        }
        let done = |done: bool| if done { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        match request.uri().path() {
            "/livez" => {
                let alive = self.health.is_alive();
                text(done(alive), if alive { "alive\n" } else { "no records are read\n" }.to_owned())
            }
            "/readyz" => text(done(self.health.is_ready()), self.health.report()),
            "/metrics" => {
                let form = Form::accepted(request.headers().get(ACCEPT).and_then(|accept| accept.to_str().ok()));
                match metrics::page((self.facts)(), form) {
                    Ok(page) => {
                        let mut response = text(StatusCode::OK, page);
                        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(form.content_type()));
                        response
                    }
                    Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
                }
            }
            "/" => self.page(request.uri().query()),
            _ => text(StatusCode::NOT_FOUND, "/, /livez, /readyz, /metrics\n".to_owned()),
        }
    }

    /// Names of decoys only for who has the key: anyone on the node may ask, an intruder too.
    fn page(&self, query: Option<&str>) -> Response<Full<Bytes>> {
        let whole = self.key.is_in(query);
        let status = (self.status)();
        let status = if whole { status } else { status.without_secrets() };
        let mut response = text(StatusCode::OK, status::page(&status, whole));
        for (name, value) in [
            (CONTENT_TYPE, "text/html; charset=utf-8"),
            (CONTENT_SECURITY_POLICY, status::content_security_policy()),
            (CACHE_CONTROL, "no-store"),
            (REFERRER_POLICY, "no-referrer"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ] {
            response.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;
    use crate::admin::Step;

    async fn ask(address: SocketAddr, request: &str) -> Option<String> {
        let mut stream = TcpStream::connect(address).await.ok()?;
        stream.write_all(format!("{request} HTTP/1.1\r\nHost: koney\r\n\r\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_waited_for_and_then_the_pages_are_there() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = taken.local_addr().expect("an address");
        let health = Arc::new(Health::default());
        let facts = Box::new(|| Facts { method: "lsm", ..Facts::default() });
        let admin = Admin { health: Arc::clone(&health), facts, ..admin() };
        let query = admin.key.query();
        let server = tokio::spawn(admin.serve(address));
        tokio::task::yield_now().await;
        drop(taken);
        let first = loop {
            match ask(address, "GET /readyz").await {
                Some(answer) if !answer.is_empty() => break answer,
                _ => sleep(Duration::from_millis(50)).await,
            }
        };
        assert!(first.starts_with("HTTP/1.1 503 ") && first.contains("[-] attached"), "{first}");
        for step in [Step::Attached, Step::Policies, Step::Pods, Step::Traps] {
            health.done(step);
        }
        for (request, status, text) in [
            ("GET /readyz", "200 OK", "[+] attached"),
            ("GET /livez", "200 OK", "alive"),
            ("GET /metrics", "200 OK", "koney_attach_info{method=\"lsm\"} 1"),
            ("GET /nothing", "404 Not Found", "/livez, /readyz, /metrics"),
            ("POST /metrics", "405 Method Not Allowed", "only GET"),
        ] {
            let answer = ask(address, request).await.expect("an answer");
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")) && answer.contains(text), "{request}: {answer}");
        }
        let page = ask(address, "GET /").await.expect("an answer");
        for header in
            ["content-type: text/html; charset=utf-8", "cache-control: no-store", "default-src 'none'; style-src 'sha256-"]
        {
            assert!(page.contains(header), "{page}");
        }
        assert!(page.contains("web-1") && !page.contains("service_token"), "names of decoys are for who has the key: {page}");
        let whole = ask(address, &format!("GET /?{query}")).await.expect("an answer");
        assert!(whole.contains("service_token") && !whole.contains(&query), "{whole}");
        server.abort();
    }

    fn admin() -> Admin {
        Admin {
            health: Arc::default(),
            facts: Box::new(Facts::default),
            status: Box::new(status::samples::busy),
            key: Key::random().expect("random bytes"),
            listens: Arc::default(),
        }
    }

    #[tokio::test]
    async fn more_connections_than_can_be_served_are_closed() {
        let address = TcpListener::bind("127.0.0.1:0").await.and_then(|free| free.local_addr()).expect("a port");
        let server = tokio::spawn(admin().serve(address));
        let mut idle = Vec::new();
        while idle.len() < LIMITS.connections {
            match TcpStream::connect(address).await {
                Ok(stream) => idle.push(stream),
                Err(_not_yet) => sleep(Duration::from_millis(20)).await,
            }
        }
        let refused = ask(address, "GET /livez").await.unwrap_or_default();
        assert_eq!(refused, "");
        idle.clear();
        while !ask(address, "GET /livez").await.unwrap_or_default().contains("alive") {
            sleep(Duration::from_millis(20)).await;
        }
        server.abort();
    }
}
