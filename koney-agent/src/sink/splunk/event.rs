//! The event: koney's own document, with what Splunk wants to know about it beside.

use serde_json::json;

use crate::alert::{Alert, Severity};
use crate::sink::Render;
use crate::sink::document::document;

/// Writes alerts as events of the collector.
#[derive(Clone, Debug, Default)]
pub struct HecEvent {
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
    /// The index; the token's own where it is not given.
    pub index: Option<String>,
    /// The source type; `koney:alert` where it is not given.
    pub sourcetype: Option<String>,
}

impl Render for HecEvent {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let milliseconds = alert.time.as_millisecond();
        let mut event = json!({
            "time": format!("{}.{:03}", milliseconds.div_euclid(1000), milliseconds.rem_euclid(1000)),
            "source": "koney",
            "sourcetype": self.sourcetype.as_deref().unwrap_or("koney:alert"),
            "event": document(alert, self.severity),
        });
        if let Some(object) = event.as_object_mut() {
            let node = alert.node_name().map(|node| ("host".to_owned(), node.into()));
            let index = self.index.as_deref().map(|index| ("index".to_owned(), index.into()));
            object.extend(node.into_iter().chain(index));
        }
        serde_json::to_vec(&event).expect("a JSON value can be written")
    }
}
