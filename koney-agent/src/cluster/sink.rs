//! `DeceptionAlertSink`, as Koney defines it; `allowHttp` is the one field it does not know.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{choice::choice, policy::Condition};

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
    printcolumn(name = "Secret", type_ = "string", json_path = ".spec.dynatrace.secretName"),
    printcolumn(name = "Severity", type_ = "string", json_path = ".spec.dynatrace.severity"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    namespaced
)]
pub struct DeceptionAlertSinkSpec {
    /// A Dynatrace environment.
    pub dynatrace: Option<DynatraceSpec>,
}

/// What the cluster is told about a sink; Koney's resource has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeceptionAlertSinkStatus {
    /// One condition per type.
    #[serde(default)]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// A Dynatrace environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DynatraceSpec {
    /// Secret in the sink's namespace with the keys `apiToken` and `apiUrl`.
    #[serde(default)]
    pub secret_name: String,
    /// Severity of every alert sent here.
    #[serde(default)]
    pub severity: Severity,
    /// Send the token over plain HTTP; for tests only.
    #[serde(default)]
    pub allow_http: bool,
    /// Send to addresses of the node itself: loopback and link-local ones.
    #[serde(default)]
    pub allow_local: bool,
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
    fn the_schema_lists_severities_and_their_default() {
        let crd = serde_json::to_value(DeceptionAlertSink::crd()).expect("a CRD is JSON");
        let severity = crd
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/dynatrace/properties/severity")
            .expect("the schema has the field");
        assert_eq!(severity["enum"], serde_json::json!(["CRITICAL", "HIGH", "MEDIUM", "LOW"]));
        assert_eq!(severity["default"], "HIGH");
    }
}
