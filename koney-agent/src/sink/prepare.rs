//! What a resource says about all of its alerts, whatever their format.

use std::sync::Arc;

use super::Render;
use crate::alert::Alert;

const MARK: &str = "[REDACTED]";

/// Renders alerts after taking out and adding what the resource asks for.
#[derive(Clone)]
pub struct Prepared {
    /// The format.
    pub render: Arc<dyn Render>,
    /// Arguments of processes are left out: they may hold passwords of people who have done nothing.
    pub redact_arguments: bool,
    /// Name of the cluster.
    pub cluster: Option<String>,
}

impl Render for Prepared {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        let mut alert = alert.clone();
        if self.redact_arguments
            && let Some(process) = &mut alert.process
            && process.arguments.as_ref().is_some_and(|arguments| !arguments.is_empty())
        {
            process.arguments = Some(MARK.to_owned());
        }
        alert.cluster = self.cluster.clone().or(alert.cluster);
        self.render.render(&alert)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;
    use crate::sink::dynatrace::Finding;

    #[test]
    fn arguments_are_taken_out_and_the_cluster_is_named() {
        let render = Arc::new(Finding::default());
        let text = |prepared: &Prepared| String::from_utf8(prepared.render(&samples::in_pod())).expect("JSON is UTF-8");
        let mut prepared = Prepared { render, redact_arguments: false, cluster: None };
        assert_eq!(text(&prepared).into_bytes(), Finding::default().render(&samples::in_pod()));
        prepared = Prepared { redact_arguments: true, cluster: Some("prod-eu".to_owned()), ..prepared };
        let event = text(&prepared);
        assert!(event.contains(r#""process.executable.arguments":"[REDACTED]""#), "{event}");
        assert!(event.contains(r#""k8s.cluster.name":"prod-eu""#), "{event}");
    }
}
