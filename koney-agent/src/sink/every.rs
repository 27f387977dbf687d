//! One of each sink over HTTP, for tests that hold for all of them.

use std::sync::Arc;

use super::credentials::Values;
use super::http::{Courier, Options};
use super::{Letter, Render, SinkId, Transport, dynatrace};
use crate::alert::samples;

/// The credential of each of them.
pub(super) const SECRET: &str = "dt0c01.PUBLIC.VERYSECRET";

/// A sink whose receiver is at this address.
pub(super) struct Example {
    pub(super) name: &'static str,
    pub(super) transport: Arc<dyn Transport>,
    /// An answer with which the receiver takes an alert.
    pub(super) success: (u16, &'static str),
    /// Its configuration, printed.
    pub(super) printed: String,
    render: Arc<dyn Render>,
}

impl Example {
    pub(super) fn letters(&self, number: u8) -> Vec<Letter> {
        (1..=number).map(|number| samples::letter(&*self.render, &samples::numbered(number))).collect()
    }
}

/// All of them. `root` vouches for the receiver.
pub(super) fn examples(url: &str, root: &str) -> Vec<Example> {
    let sink = SinkId::new("koney-system", "prod");
    let value = |key: &str| match key {
        "apiUrl" => Some(url.as_bytes()),
        "apiToken" => Some(SECRET.as_bytes()),
        "caBundle" => Some(root.as_bytes()),
        _ => None,
    };
    let values = Values { sink: &sink, secret: "secret", value: &value };
    let options = Options { allow_http: false, allow_local: true };
    let dynatrace = dynatrace::Config::new(&values, options).expect("a good Secret");
    vec![Example {
        name: "dynatrace",
        success: (202, ""),
        printed: format!("{dynatrace:?}"),
        transport: Arc::new(Courier::new(dynatrace)),
        render: Arc::new(dynatrace::Finding::default()),
    }]
}
