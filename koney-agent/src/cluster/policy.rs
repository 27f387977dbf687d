//! `DeceptionPolicy`, field by field as Koney defines it; `ebpf` is the one captor strategy it does not know.
//!
//! Koney's operator writes every parent object back on its first update, so `httpEndpoint: {}` and the like appear on
//! every trap: presence of an empty object means nothing anywhere here, and an absent strategy is the default one.

use std::collections::BTreeMap;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choice::choice;

/// What a `DeceptionPolicy` asks for.
#[derive(CustomResource, Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(clippy::duplicated_attributes, reason = "columns of the same type are not the same column")]
#[kube(
    group = "research.dynatrace.com",
    version = "v1alpha1",
    kind = "DeceptionPolicy",
    plural = "deceptionpolicies",
    singular = "deceptionpolicy",
    shortname = "dp",
    status = "DeceptionPolicyStatus",
    printcolumn(name = "Valid", type_ = "string", json_path = r#".status.conditions[?(@.type=="PolicyValid")].status"#),
    printcolumn(name = "Decoys", type_ = "string", json_path = r#".status.conditions[?(@.type=="DecoysDeployed")].status"#),
    printcolumn(name = "Armed", type_ = "string", json_path = r#".status.conditions[?(@.type=="TrapsArmed")].message"#),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct DeceptionPolicySpec {
    /// One invalid trap takes the whole policy out of force.
    #[serde(default = "yes")]
    pub strict_validation: bool,
    /// Plant decoys in objects that are older than the policy.
    #[serde(default = "yes")]
    pub mutate_existing: bool,
    /// The traps.
    #[serde(default)]
    pub traps: Vec<TrapSpec>,
}

/// One trap: what it is, how it is planted and watched, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrapSpec {
    /// A decoy file.
    pub filesystem_honeytoken: Option<FilesystemHoneytoken>,
    /// Placeholder for a trap kind that does not exist yet.
    pub http_endpoint: Option<HttpEndpoint>,
    /// Placeholder for a trap kind that does not exist yet.
    pub http_payload: Option<HttpPayload>,
    /// How the decoy is planted.
    pub decoy_deployment: Option<DecoyDeployment>,
    /// How accesses are noticed.
    pub captor_deployment: Option<CaptorDeployment>,
    /// Which workloads get the trap.
    #[serde(rename = "match")]
    pub selection: Option<MatchSpec>,
}

/// A decoy file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FilesystemHoneytoken {
    /// Absolute path in the container.
    pub file_path: String,
    /// What the decoy contains.
    #[serde(default)]
    pub file_content: String,
    /// Plant it without write permission.
    #[serde(default = "yes")]
    pub read_only: bool,
}

/// Placeholder without fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HttpEndpoint {}

/// Placeholder without fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HttpPayload {}

/// How the decoy is planted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DecoyDeployment {
    /// The way of planting.
    #[serde(default)]
    pub strategy: DecoyStrategy,
}

/// How accesses are noticed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaptorDeployment {
    /// The way of noticing.
    #[serde(default)]
    pub strategy: CaptorStrategy,
}

/// The ways of planting a decoy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DecoyStrategy {
    /// A Secret mounted through the Deployment.
    #[default]
    VolumeMount,
    /// Written by a command run in the container.
    ContainerExec,
    /// Left to Kyverno.
    KyvernoPolicy,
}

/// The ways of noticing an access. The agent serves all but `None` alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum CaptorStrategy {
    /// Koney's default; a cluster's resources stay as they are when the agent takes Tetragon's place.
    #[default]
    Tetragon,
    /// Kive.
    Kive,
    /// The user wants no watching.
    None,
    /// This agent, by name.
    Ebpf,
}

choice!(DecoyStrategy, "decoy strategy", {
    "volumeMount" => VolumeMount,
    "containerExec" => ContainerExec,
    "kyvernoPolicy" => KyvernoPolicy,
});

choice!(CaptorStrategy, "captor strategy", {
    "tetragon" => Tetragon,
    "kive" => Kive,
    "none" => None,
    "ebpf" => Ebpf,
});

/// Which workloads get a trap: those that any filter selects.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MatchSpec {
    /// Filters, joined by OR. Required, but an empty list selects nothing.
    pub any: Option<Vec<FilterSpec>>,
}

/// One filter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FilterSpec {
    /// What it selects.
    pub resources: Option<ResourceFilter>,
}

/// Namespaces AND labels, and the containers of what they select.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResourceFilter {
    /// Exact names; none means every namespace.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Labels of the workload.
    pub selector: Option<LabelSelector>,
    /// Containers: a name, `glob:` or `regex:`; empty means all.
    #[serde(default)]
    pub container_selector: String,
}

/// A label selector; all its requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels and their exact values.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
    /// Requirements on labels.
    #[serde(default)]
    pub match_expressions: Vec<LabelExpression>,
}

/// One requirement on a label.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LabelExpression {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`; a free string in the schema, as in Kubernetes' own.
    pub operator: String,
    /// Values for `In` and `NotIn`.
    #[serde(default)]
    pub values: Vec<String>,
}

/// What the cluster is told about a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeceptionPolicyStatus {
    /// One condition per type; Koney's operator owns its four.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}

/// One aspect of an object's state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// Which aspect.
    #[serde(rename = "type")]
    #[schemars(length(max = 316))]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// When `status` last changed, RFC 3339.
    #[schemars(extend("format" = "date-time"))]
    pub last_transition_time: String,
    /// One word for machines.
    #[schemars(length(min = 1))]
    pub reason: String,
    /// A sentence for people.
    #[schemars(length(max = 32768))]
    pub message: String,
    /// The object's generation that was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_schema_has_koneys_names_and_defaults_and_one_strategy_more() {
        let crd = serde_json::to_value(DeceptionPolicy::crd()).expect("a CRD is JSON");
        assert_eq!(crd["metadata"]["name"], "deceptionpolicies.research.dynatrace.com");
        assert_eq!(crd["spec"]["scope"], "Cluster");
        let version = &crd["spec"]["versions"][0];
        assert_eq!(version["subresources"], json!({ "status": {} }));
        let spec = &version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
        assert_eq!(spec["strictValidation"]["default"], true);
        assert_eq!(spec["mutateExisting"]["default"], true);
        let trap = &spec["traps"]["items"]["properties"];
        assert_eq!(trap["filesystemHoneytoken"]["required"], json!(["filePath"]));
        assert_eq!(trap["filesystemHoneytoken"]["properties"]["readOnly"]["default"], true);
        let strategy = &trap["captorDeployment"]["properties"]["strategy"];
        assert_eq!(strategy["enum"], json!(["tetragon", "kive", "none", "ebpf"]));
        assert_eq!(strategy["default"], "tetragon");
        assert_eq!(trap["decoyDeployment"]["properties"]["strategy"]["default"], "volumeMount");
    }
}
