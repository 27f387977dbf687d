//! Sinks of the agent for receivers of this crate, and single records on their way to one.

use std::{sync::Arc, time::Duration};

use anyhow::Result;
use koney_agent::{
    alert::Severity,
    pipeline::Replay,
    sink::{
        SinkConfig, SinkId, Target,
        credentials::Values,
        dynatrace::{Config, Finding, KEY_API_TOKEN, KEY_API_URL},
        http::Options,
    },
};

use super::{Arrivals, Recorded, boot_ns};
use crate::manifests::Sink;

/// The longest way of one record.
const PATIENCE: Duration = Duration::from_mins(1);

/// The configuration that the agent makes of a resource and its Secret.
#[must_use]
pub fn config(sink: &Sink) -> SinkConfig {
    let id = SinkId::new("koney-system", &sink.name);
    let value = |key: &str| match key {
        KEY_API_URL => Some(sink.url.as_bytes()),
        KEY_API_TOKEN => Some(sink.token.as_bytes()),
        "caBundle" => Some(sink.authority.as_bytes()),
        _ => None,
    };
    let values = Values { sink: &id, secret: "bench", value: &value };
    let target = Config::new(&values, Options { allow_http: false, allow_local: true }).map(Target::Dynatrace);
    let render = Arc::new(Finding { severity: Severity::High });
    SinkConfig { id: id.clone(), form: "dynatrace", filter: <_>::default(), render, heartbeat: None, target }
}

/// From a record to the moment at which a receiver has read the request that tells of it.
pub async fn way(replay: &mut Replay, recorded: &mut Recorded, number: u32, receiver: &Arrivals) -> Result<Duration> {
    receiver.clear();
    let began = boot_ns();
    replay.record(recorded.record(number));
    replay.commit();
    let at = receiver.wait(PATIENCE, |all| all.first().map(|arrival| arrival.boot_ns)).await?;
    Ok(Duration::from_nanos(at.saturating_sub(began)))
}
