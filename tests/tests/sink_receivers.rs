//! Real receivers take what koney sends, and read out of it what was put in.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use koney_agent::sink::{
    Action, Answer, Form, Transport as _, alertmanager,
    http::{Courier, Options},
    install_crypto_provider, otlp, syslog,
};
use koney_tests::receivers::{Identity, Receiver, deliver, free, get, letters, run_python, with_secret};
use serde_json::Value;

const PLAIN: Options = Options { allow_http: true, allow_local: true };

/// rsyslog, which asks its clients for a certificate; a line of each message that it has read.
async fn rsyslog(folder: &Path, identity: &Identity) -> Result<(Receiver, std::net::SocketAddr)> {
    let address = free().await?;
    let [authority, certificate, key] = identity.files.each_ref().map(|file| file.display());
    let (read, port) = (folder.join("read"), address.port());
    let config = format!(
        r#"global(workDirectory="{work}" DefaultNetstreamDriver="ossl" DefaultNetstreamDriverCAFile="{authority}"
       DefaultNetstreamDriverCertFile="{certificate}" DefaultNetstreamDriverKeyFile="{key}")
module(load="imtcp" StreamDriver.Name="ossl" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/certvalid")
input(type="imtcp" address="127.0.0.1" port="{port}")
template(name="read" type="string" string="%pri%|%timereported:::date-rfc3339%|%hostname%|%app-name%|%msgid%|%msg%\n")
action(type="omfile" file="{read}" template="read")
"#,
        work = folder.display(),
        read = read.display(),
    );
    let file = folder.join("rsyslog.conf");
    fs::write(&file, config)?;
    let (file, pid) = (file.display().to_string(), folder.join("pid").display().to_string());
    let mut receiver = Receiver::start(Path::new("/usr/sbin/rsyslogd"), &["-n", "-f", &file, "-i", &pid], folder)?;
    receiver.listens(address).await?;
    Ok((receiver, address))
}

#[tokio::test]
async fn rsyslog_reads_every_message_whole() -> Result<()> {
    install_crypto_provider();
    let folder = tempfile::tempdir()?;
    let identity = Identity::make(folder.path())?;
    let (mut receiver, address) = rsyslog(folder.path(), &identity).await?;
    let address = address.to_string();
    let options = syslog::Options { allow_plain: false, allow_local: true };
    let mut secret = vec![("address", address.as_str()), ("caBundle", identity.authority.as_str())];
    let client = |secret: &[(&str, &str)]| {
        Ok::<_, anyhow::Error>(syslog::Client::new(with_secret(secret, |values| syslog::Config::new(values, options))?))
    };
    let batch = letters(&syslog::Message::default());
    // It asks for a certificate. Who has none learns that only when the first message is under way.
    let refused = client(&secret)?.attempt(&batch, Form::Full).await;
    assert!(matches!(&refused, Answer::All(Action::SlowRetry { reason }) if reason.contains("`tls.crt`")), "{refused:?}");

    secret.extend([("tls.crt", identity.client.0.as_str()), ("tls.key", identity.client.1.as_str())]);
    deliver(&client(&secret)?, &batch).await.with_context(|| receiver.printed())?;
    let read = folder.path().join("read");
    let lines = receiver
        .until("all of them are read", async || {
            let text = fs::read_to_string(&read).unwrap_or_default();
            Ok((text.lines().count() >= batch.len()).then_some(text))
        })
        .await?;
    for (line, letter) in lines.lines().zip(&batch) {
        let sent = String::from_utf8(letter.body.clone())?;
        let text = sent.split_once(" - CEF:").map(|(_, text)| format!("CEF:{text}")).context("the text")?;
        let read = line.strip_prefix("82|2026-07-18T19:39:11.987654Z|node-1|koney|access|").with_context(|| line.to_owned())?;
        assert_eq!(read.trim_start(), text);
    }
    Ok(())
}

#[tokio::test]
async fn alertmanager_shows_every_alert_until_it_ends() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let address = free().await?;
    let config = folder.path().join("alertmanager.yml");
    fs::write(&config, "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n")?;
    let arguments = [
        format!("--config.file={}", config.display()),
        format!("--storage.path={}", folder.path().display()),
        format!("--web.listen-address={address}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let arguments = arguments.each_ref().map(String::as_str);
    let mut receiver = Receiver::start(Path::new("/usr/bin/prometheus-alertmanager"), &arguments, folder.path())?;
    receiver.listens(address).await?;
    // The second replica is away: the first has the alerts, which is enough, and is remarked.
    let urls = format!("http://{address}\nhttp://{}", free().await?);
    let both = with_secret(&[("url", &urls)], |values| alertmanager::Config::new(values, PLAIN))?;
    let batch = letters(&alertmanager::PrometheusAlert::default());
    let answer = Courier::new(both).send(&batch, Form::Full).await;
    assert!(matches!(answer, Answer::All(Action::Delivered { remark: Some(_) })), "{answer:?}");
    let one = with_secret(&[("url", &format!("http://{address}"))], |values| alertmanager::Config::new(values, PLAIN))?;
    deliver(&Courier::new(one), &batch).await?;

    let shown = receiver
        .until("all of them are shown", async || {
            let shown: Vec<Value> = serde_json::from_str(&get(address, "/api/v2/alerts").await?)?;
            Ok((shown.len() >= batch.len()).then_some(shown))
        })
        .await?;
    assert_eq!(shown.len(), batch.len(), "sent again it is the same alert");
    for letter in &batch {
        let sent: Value = serde_json::from_slice(&letter.body)?;
        let found = shown.iter().find(|alert| alert["labels"] == sent["labels"]).context("the labels are its identity")?;
        assert_eq!(found["annotations"], sent["annotations"]);
        assert_eq!(found["status"]["state"], "active");
    }
    Ok(())
}

#[tokio::test]
async fn rotel_reads_every_log_record() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let package = run_python("rotel", "import os, rotel; print(os.path.dirname(rotel.__file__))", &[]).await?;
    let program = Path::new(package.trim()).join("rotel-agent");
    let (http, grpc) = (free().await?, free().await?);
    let (http_text, grpc_text) = (http.to_string(), grpc.to_string());
    let arguments = [
        "start",
        "--otlp-http-endpoint",
        &http_text,
        "--otlp-grpc-endpoint",
        &grpc_text,
        "--exporter",
        "blackhole",
        "--debug-log",
        "logs",
        "--debug-log-verbosity",
        "detailed",
    ];
    let mut receiver = Receiver::start(&program, &arguments, folder.path())?;
    receiver.listens(http).await?;
    let config = with_secret(&[("url", &format!("http://{http}"))], |values| otlp::Config::new(values, PLAIN))?;
    let batch = letters(&otlp::LogRecord::default());
    deliver(&Courier::new(config), &batch).await?;
    let log = folder.path().join("log");
    let printed = receiver
        .until("all of them are read", async || {
            let text = fs::read_to_string(&log)?;
            Ok((text.matches("log.record.uid").count() >= batch.len()).then_some(text))
        })
        .await?;
    for line in [
        "     -> service.name: Str(koney)",
        "Timestamp: 1784403551987654321",
        "SeverityNumber: SEVERITY_NUMBER_FATAL(21)",
        "EventName: koney.honeytoken.access",
        "     -> koney.tags: Slice(Str(team-a), Str(pci))",
        "     -> process.pid: Int(9999)",
        "     -> log.record.uid: Str(03030303030303030303030303030303)",
    ] {
        assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
    }
    Ok(())
}
