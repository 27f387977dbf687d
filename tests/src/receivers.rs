//! Receivers that others wrote: programs of the distribution and of PyPI, which say whether what koney sends is what they read.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use koney_agent::{
    alert::{Alert, AlertId, Container, Labels, Owner, Process, Purpose, Severity, Trap},
    event::{Check, Operation},
    sink::{Action, Answer, Form, Letter, Render, SinkId, Transport, credentials::Values},
};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Instant, sleep},
};

/// For a receiver to start, and for what was sent to be seen.
const PATIENCE: Duration = Duration::from_mins(1);

/// An access with all that a sink can carry, by an attacker who writes what he likes.
#[must_use]
pub fn alert(number: u8) -> Alert {
    let labels = Labels {
        severity: Some(Severity::Critical),
        tags: vec!["team-a".to_owned(), "pci".to_owned()],
        techniques: vec!["T1552".to_owned(), "T1552.001".to_owned()],
    };
    let process = Process {
        pid: Some(9999),
        uid: Some(0),
        executable: Some("/usr/bin/cat".to_owned()),
        arguments: Some("a=b|c \\ \"d\" \n\u{1b}[2J \u{202e} <!channel> \u{e9}\u{1f600}".to_owned()),
        cwd: Some("/".to_owned()),
        ..Process::default()
    };
    Alert {
        id: AlertId::from_digest(&[number; 16]),
        time: "2026-07-18T19:39:11.987654321Z".parse().expect("a time"),
        policy: Some("service-token".to_owned()),
        trap: Trap::FilesystemHoneytoken { file_path: "/run/secrets/koney/service_token".to_owned() },
        operation: Operation::Open,
        check: Check::Identity,
        node: Some("node-1".to_owned()),
        owner: Owner::Container(Container {
            namespace: "koney-demo".to_owned(),
            pod: format!("demo-{number}"),
            name: "nginx".to_owned(),
            id: "6f5ab819f146".to_owned(),
            ..Container::default()
        }),
        process: Some(process),
        accessor: None,
        accessed_path: None,
        repeats: None,
        gap: None,
        detector: "lsm",
        labels: Arc::new(labels),
        cluster: Some("prod-eu".to_owned()),
        purpose: Purpose::Alert,
    }
}

/// What a sink keeps of three such alerts.
#[must_use]
pub fn letters(render: &dyn Render) -> Vec<Letter> {
    let letter = |alert: Alert| Letter { body: render.render(&alert), id: alert.id, time: alert.time };
    (1..=3).map(alert).map(letter).collect()
}

/// Builds something from a Secret with these values.
pub fn with_secret<T>(values: &[(&str, &str)], build: impl FnOnce(&Values<'_>) -> T) -> T {
    let values: BTreeMap<_, _> = values.iter().copied().collect();
    let value = |key: &str| values.get(key).map(|value| value.as_bytes());
    build(&Values { sink: &SinkId::new("koney-system", "test"), secret: "test", value: &value })
}

/// One attempt that has to succeed.
pub async fn deliver(transport: &dyn Transport, batch: &[Letter]) -> Result<()> {
    let answer = transport.attempt(batch, Form::Full).await;
    let delivered = |action: &Action| *action == Action::delivered();
    match &answer {
        Answer::All(action) if delivered(action) => Ok(()),
        Answer::Each(actions) if actions.iter().all(delivered) => Ok(()),
        _ => bail!("not delivered: {answer:?}"),
    }
}

/// A program that ends with this value.
pub struct Receiver {
    child: Child,
    log: PathBuf,
}

impl Receiver {
    /// Starts a program; what it prints goes to a file in the folder.
    pub fn start(program: &Path, arguments: &[&str], folder: &Path) -> Result<Self> {
        let log = folder.join("log");
        let output = fs::File::create(&log)?;
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let missing = || format!("cannot start {}; `cargo xtask setup` installs it", program.display());
        Ok(Self { child: command.spawn().with_context(missing)?, log })
    }

    /// Waits until `look` finds something; it is asked again and again.
    pub async fn until<T>(&mut self, what: &str, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await? {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended ({status}) before {what}: {}", self.printed());
            }
            if Instant::now() > end {
                bail!("still not {what}: {}", self.printed());
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until somebody listens there.
    pub async fn listens(&mut self, address: SocketAddr) -> Result<()> {
        self.until("it listens", async || Ok(TcpStream::connect(address).await.ok())).await?;
        Ok(())
    }

    /// What it printed so far.
    #[must_use]
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

/// A port that was free a moment ago.
pub async fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?)
}

/// Where `cargo xtask setup` puts what is installed nowhere.
pub fn tools() -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let base = base.or_else(|| Some(env::home_dir()?.join(".cache"))).context("no home folder")?;
    Ok(base.join("koney/tools"))
}

/// A Python that has the package, which `cargo xtask setup` has put into koney's cache.
pub fn python(package: &str) -> Result<PathBuf> {
    let tools = tools()?;
    let is_of = |name: &str| name.strip_prefix(package).is_some_and(|rest| rest.starts_with('-') && !rest.contains("draft"));
    let folders =
        fs::read_dir(&tools).into_iter().flatten().flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_of));
    let python = folders.map(|entry| entry.path().join("bin/python3")).find(|python| python.is_file());
    python.with_context(|| format!("there is no {package} in {}; run cargo xtask setup", tools.display()))
}

/// Runs a program of Python, which has to succeed, and gives what it printed.
pub async fn run_python(package: &str, program: &str, arguments: &[&str]) -> Result<String> {
    let output = Command::new(python(package)?).args(["-c", program]).args(arguments).output().await?;
    if !output.status.success() {
        bail!("{package} finds fault: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// What a receiver needs of TLS, as files, and an authority that vouches for it and for its clients.
pub struct Identity {
    /// The authority, in PEM.
    pub authority: String,
    /// Certificate and key of a client, in PEM.
    pub client: (String, String),
    /// Files of the authority, and of the receiver's certificate and key.
    pub files: [PathBuf; 3],
}

impl Identity {
    /// For 127.0.0.1.
    pub fn make(folder: &Path) -> Result<Self> {
        // OpenSSL takes a certificate that is issued to its issuer's name for its own issuer.
        let named = |name: &str, mut params: CertificateParams| {
            params.distinguished_name.push(DnType::CommonName, name);
            params
        };
        let mut params = named("authority", CertificateParams::new(Vec::<String>::new())?);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let signed = |name: &str| -> Result<(String, String)> {
            let key = KeyPair::generate()?;
            let certificate = named(name, CertificateParams::new(vec![name.to_owned()])?).signed_by(&key, &authority)?;
            Ok((certificate.pem(), key.serialize_pem()))
        };
        let (certificate, key) = signed("127.0.0.1")?;
        let files = ["authority.pem", "certificate.pem", "key.pem"].map(|name| folder.join(name));
        for (file, text) in files.iter().zip([&authority.pem(), &certificate, &key]) {
            fs::write(file, text)?;
        }
        Ok(Self { authority: authority.pem(), client: signed("koney.example")?, files })
    }
}

/// Reads one request, answers 204, and gives its head and its body.
pub async fn one_request(listener: TcpListener) -> Result<(String, Vec<u8>)> {
    let (mut stream, _) = listener.accept().await?;
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            bail!("the request broke off");
        }
        let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(request.get(..end).unwrap_or_default()).into_owned();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
        if let Some(body) = request.get(end + 4..).filter(|body| body.len() >= length.unwrap_or(0)) {
            stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").await?;
            return Ok((head, body.to_vec()));
        }
    }
}

/// The body of an answer to a plain GET.
pub async fn get(address: SocketAddr, path: &str) -> Result<String> {
    get_as(address, path, "*/*").await
}

/// The same, for who accepts no other form.
pub async fn get_as(address: SocketAddr, path: &str, accept: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nhost: {address}\r\naccept: {accept}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").context("the answer has no body")?;
    Ok(body.to_owned())
}
