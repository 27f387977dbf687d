//! A real Prometheus, which scrapes a real agent: it says what the agent's page, the dashboard's queries and the rules are worth.

use std::{
    fmt::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use crate::receivers::{self, Receiver, free};

/// A running server; it ends with this value.
pub struct Prometheus {
    receiver: Receiver,
    address: SocketAddr,
}

/// A metric that a query names, with the labels that it asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Selector {
    /// The metric.
    pub name: String,
    /// The metric and what stands in braces behind it, as it is written.
    pub text: String,
}

impl Prometheus {
    /// Starts one that scrapes the agent each second, as the job `koney`, and evaluates the rules.
    pub async fn start(folder: &Path, agent: SocketAddr, rules: &Path) -> Result<Self> {
        let config = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\nrule_files: [{}]\n\
             scrape_configs: [{{job_name: koney, static_configs: [{{targets: ['{agent}']}}]}}]\n",
            rules.display()
        );
        let file = folder.join("prometheus.yml");
        std::fs::write(&file, config)?;
        let address = free().await?;
        let arguments = [
            format!("--config.file={}", file.display()),
            format!("--storage.tsdb.path={}", folder.join("series").display()),
            format!("--web.listen-address={address}"),
        ];
        let mut receiver = Receiver::start(&program("prometheus")?, &arguments.each_ref().map(String::as_str), folder)?;
        receiver.listens(address).await?;
        // It listens before it answers.
        let ready = async || Ok(receivers::get(address, "/-/ready").await?.contains("Ready").then_some(()));
        receiver.until("it is ready", ready).await?;
        Ok(Self { receiver, address })
    }

    /// Waits until `look` finds something.
    pub async fn until<T>(&mut self, what: &str, look: impl AsyncFn(&Asked) -> Result<Option<T>>) -> Result<T> {
        let asked = Asked(self.address);
        self.receiver.until(what, async || look(&asked).await).await
    }

    /// Whom to ask.
    #[must_use]
    pub const fn asked(&self) -> Asked {
        Asked(self.address)
    }
}

/// The server's API.
#[derive(Clone, Copy, Debug)]
pub struct Asked(SocketAddr);

impl Asked {
    /// The rows that a query has now; an error is what the server says of it.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(query))).await.with_context(|| query.to_owned())?;
        Ok(answer["result"].as_array().cloned().unwrap_or_default())
    }

    /// Every rule, as the server has it.
    pub async fn rules(&self) -> Result<Vec<Value>> {
        let groups = self.get("/api/v1/rules").await?;
        let groups = groups["groups"].as_array().cloned().unwrap_or_default();
        Ok(groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect())
    }

    async fn get(&self, path: &str) -> Result<Value> {
        let answer: Value = serde_json::from_str(&receivers::get(self.0, path).await?)?;
        ensure!(answer["status"] == "success", "{answer}");
        Ok(answer["data"].clone())
    }
}

/// Runs `promtool` with a standard input; what it prints is an error where it does not exit with 0.
pub async fn promtool(arguments: &[&str], input: &str) -> Result<String> {
    let mut command = Command::new(program("promtool")?);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().context("cannot start promtool")?;
    let mut stdin = child.stdin.take().context("stdin is piped")?;
    // It may end without reading all of it, and then says why.
    let _written = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await?;
    let printed = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "promtool {arguments:?} ends with {}: {printed}", output.status);
    Ok(printed)
}

/// The metrics that a query names: koney's own, those of processes, and `up`.
#[must_use]
pub fn selectors(query: &str) -> Vec<Selector> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_alphabetic() || letter == '"') {
        let (_, word) = rest.split_at(start);
        if let Some(quoted) = word.strip_prefix('"') {
            rest = quoted.split_once('"').map_or("", |(_, after)| after);
            continue;
        }
        let (name, after) = word.split_at(word.find(|letter: char| !is_of_name(letter)).unwrap_or(word.len()));
        let (labels, after) = after.split_at(if after.starts_with('{') { end_of_labels(after) } else { 0 });
        if name.starts_with("koney_") || name.starts_with("process_") || name == "up" {
            found.push(Selector { name: name.to_owned(), text: format!("{name}{labels}") });
        }
        rest = after;
    }
    found
}

/// Behind the brace that is in no quotes.
fn end_of_labels(text: &str) -> usize {
    let mut quoted = false;
    let closes = |(_, letter): &(usize, char)| {
        quoted ^= *letter == '"';
        *letter == '}' && !quoted
    };
    text.char_indices().find(closes).map_or(text.len(), |(end, _)| end + 1)
}

fn is_of_name(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// Where `cargo xtask setup` has put it.
fn program(name: &str) -> Result<PathBuf> {
    let program = receivers::tools()?.join("prometheus/usr/bin").join(name);
    ensure!(program.is_file(), "there is no {}; `cargo xtask setup` fetches it", program.display());
    Ok(program)
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").expect("a string takes what is written");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_for_the_metrics_it_names() {
        let query = r#"sum by (le) (rate(koney_a_bucket{x=~"koney_b|c}", y="z"}[5m])) / on (job) up > time() - koney_d"#;
        let names: Vec<_> = selectors(query).into_iter().map(|selector| selector.name).collect();
        assert_eq!(names, ["koney_a_bucket", "up", "koney_d"]);
        assert_eq!(selectors(r#"koney_t{a="b"} == 1"#)[0].text, r#"koney_t{a="b"}"#);
        assert_eq!(encoded("a{b=\"1\"}"), "a%7Bb%3D%221%22%7D");
    }
}
