//! `DeceptionAlertSink`. Of all its fields Koney knows `spec.dynatrace.secretName` and `severity`; such a resource means here what it
//! means there.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{choice::choice, policy::Condition};

mod receiver;
mod receivers;

pub use receiver::Receiver;
pub use receivers::{
    AlertmanagerSpec, DynatraceSpec, ElasticsearchSpec, OtlpSpec, SlackSpec, SplunkSpec, SyslogFacility, SyslogFormat,
    SyslogSpec, WebhookFormat, WebhookSpec,
};

/// Koney's own resource may name none, so none is for the agent to complain of.
const ONE_RECEIVER: &str = "[has(self.dynatrace), has(self.webhook), has(self.otlp), has(self.slack), has(self.splunk), \
                            has(self.elasticsearch), has(self.alertmanager), has(self.syslog)].filter(one, one).size() <= 1";

/// Where alerts go.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::duplicated_attributes, reason = "columns of the same type are not the same column")]
#[kube(
    group = "research.dynatrace.com",
    version = "v1alpha1",
    kind = "DeceptionAlertSink",
    plural = "deceptionalertsinks",
    singular = "deceptionalertsink",
    shortname = "das",
    status = "DeceptionAlertSinkStatus",
    printcolumn(name = "Receiver", type_ = "string", json_path = ".status.receiver"),
    printcolumn(name = "Secret", type_ = "string", json_path = ".spec.*.secretName"),
    printcolumn(name = "Severity", type_ = "string", json_path = ".spec.*.severity"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Delivering", type_ = "string", json_path = r#".status.conditions[?(@.type=="Delivering")].status"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Nodes", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].message"#, priority = 1),
    printcolumn(
        name = "Alerts",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Delivering")].message"#,
        priority = 1
    ),
    namespaced
)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = [{
    "rule": ONE_RECEIVER,
    "message": "a sink names one destination: make a resource for each",
}]))]
pub struct DeceptionAlertSinkSpec {
    /// A Dynatrace environment.
    pub dynatrace: Option<DynatraceSpec>,
    /// A web server.
    pub webhook: Option<WebhookSpec>,
    /// A receiver of OTLP logs over HTTP.
    pub otlp: Option<OtlpSpec>,
    /// A channel of Slack.
    pub slack: Option<SlackSpec>,
    /// Splunk's HTTP Event Collector.
    pub splunk: Option<SplunkSpec>,
    /// Elasticsearch or `OpenSearch`.
    pub elasticsearch: Option<ElasticsearchSpec>,
    /// Prometheus Alertmanager.
    pub alertmanager: Option<AlertmanagerSpec>,
    /// A receiver of syslog messages over TLS.
    pub syslog: Option<SyslogSpec>,
    /// Which alerts are sent here.
    pub filter: Option<AlertFilter>,
    /// What is taken out of them.
    pub redact: Option<Redact>,
    /// Between two messages that show that the agent of a node lives, for example `1h`; none are sent where it is not given.
    pub heartbeat: Option<String>,
    /// Name of the cluster, which every alert then carries.
    pub cluster_name: Option<String>,
}

/// What the cluster is told about a sink; Koney's resource has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeceptionAlertSinkStatus {
    /// Which of the sections `spec` has, for whoever lists sinks.
    pub receiver: Option<String>,
    /// One condition per type.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// Which alerts a sink takes; by default all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AlertFilter {
    /// Only alerts of these policies, by their exact names; none means all.
    #[serde(default)]
    pub policies: Vec<String>,
    /// Only alerts of these severities; none means all.
    #[serde(default)]
    pub severities: Vec<Severity>,
    /// Only alerts of this severity or a higher one.
    // Without a null among the choices, which old servers cannot read.
    #[schemars(extend("enum" = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]))]
    pub min_severity: Option<Severity>,
    /// Gaps in coverage, too, whatever the severities and policies.
    #[serde(default = "yes")]
    pub coverage: bool,
}

/// What is taken out of alerts before they are sent here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Redact {
    /// Arguments of processes: they may hold passwords of people who have done nothing.
    #[serde(default)]
    pub process_arguments: bool,
}

fn yes() -> bool {
    true
}

/// How bad an alert is to the one who receives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Severity {
    /// Risk score 10.0.
    Critical,
    /// Risk score 8.9.
    #[default]
    High,
    /// Risk score 6.9.
    Medium,
    /// Risk score 3.9.
    Low,
}

choice!(Severity, "severity", {
    "CRITICAL" => Critical,
    "HIGH" => High,
    "MEDIUM" => Medium,
    "LOW" => Low,
});

#[cfg(test)]
mod tests {
    use super::*;
    use kube::CustomResourceExt as _;

    #[test]
    fn the_schema_allows_one_receiver() {
        let crd = serde_json::to_value(DeceptionAlertSink::crd()).expect("a CRD is JSON");
        let spec = crd.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec").expect("the schema has the field");
        let rule = spec["x-kubernetes-validations"][0]["rule"].as_str().expect("a rule");
        let spec = DeceptionAlertSinkSpec::default();
        for section in Receiver::SECTIONS {
            assert!(rule.contains(&format!("has(self.{section})")), "{section}");
        }
        assert_eq!(rule.matches("has(").count(), Receiver::SECTIONS.len());
        assert_eq!(spec.receivers().count(), 0);
    }

    #[test]
    fn the_schema_lists_severities_and_their_default() {
        let crd = serde_json::to_value(DeceptionAlertSink::crd()).expect("a CRD is JSON");
        let severity = crd
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/dynatrace/properties/severity")
            .expect("the schema has the field");
        assert_eq!(severity["enum"], serde_json::json!(["CRITICAL", "HIGH", "MEDIUM", "LOW"]));
        assert_eq!(severity["default"], "HIGH");
    }
}
