//! What a cluster offers: its version, the definitions of the resources, and what the agent may do there.

use std::time::Duration;

use hyper::Request;
use k8s_openapi::api::authorization::v1::SelfSubjectAccessReview;
use kube::{Api, Client, Error, api::PostParams};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{causes::chain, cluster::GROUP};

/// The version of the resources.
const VERSION: &str = "v1alpha1";
/// The longest that one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// A cluster as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Of its API server.
    pub version: String,
    /// `DeceptionPolicy`, where it is defined.
    pub policies: Option<Definition>,
    /// `DeceptionAlertSink`, where it is defined.
    pub sinks: Option<Definition>,
    /// What the agent may not do.
    pub refused: Vec<Right>,
}

/// How a resource is defined, which may be by somebody else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// Conditions can be written.
    pub status: bool,
    /// Words of its schema; empty where the server does not publish it.
    pub words: Vec<String>,
}

/// Something that the agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Right {
    /// What is done.
    pub verb: &'static str,
    /// API group; empty for the core.
    pub group: &'static str,
    /// Resource, with its subresource.
    pub resource: &'static str,
    /// In the agent's namespace only.
    pub own_namespace: bool,
    /// What is lost without.
    pub cost: &'static str,
}

const fn right(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    own_namespace: bool,
    cost: &'static str,
) -> Right {
    Right { verb, group, resource, own_namespace, cost }
}

/// What the chart grants; the pods of the node come from either of two.
pub(super) const RIGHTS: [Right; 9] = [
    right("list", GROUP, "deceptionpolicies", false, "nothing is watched"),
    right("list", GROUP, "deceptionalertsinks", true, "alerts go to standard output only"),
    right("list", "", "secrets", true, "sinks have no token"),
    right("get", "", "nodes/pods", false, "pods are not asked of the kubelet"),
    right("list", "", "pods", false, "pods are not asked of the API server"),
    right(
        "get",
        "apps",
        "replicasets",
        false,
        "decoys that are mounted are found by their volumes only, and alerts name no workload",
    ),
    right("patch", "coordination.k8s.io", "leases", true, "this node is not part of the conditions of policies and sinks"),
    right("patch", GROUP, "deceptionpolicies/status", false, "policies say nothing of their traps"),
    right("patch", GROUP, "deceptionalertsinks/status", true, "sinks say nothing of their alerts"),
];

impl Cluster {
    /// Asks; nothing is changed.
    pub(super) async fn read(client: Client, namespace: &str) -> Result<Self, String> {
        let version = within(client.apiserver_version()).await?;
        let resources = within(resources(&client)).await?;
        let schema = schema(&client).await;
        let definition = |resource: &str, kind: &str| {
            let has = |name: &str| resources.iter().any(|found| found == name);
            has(resource).then(|| Definition { status: has(&format!("{resource}/status")), words: words(&schema, kind) })
        };
        let mut refused = Vec::new();
        for right in RIGHTS {
            if !is_allowed(&client, namespace, right).await? {
                refused.push(right);
            }
        }
        Ok(Self {
            version: version.git_version,
            policies: definition("deceptionpolicies", "DeceptionPolicy"),
            sinks: definition("deceptionalertsinks", "DeceptionAlertSink"),
            refused,
        })
    }
}

/// Names of the group's resources, with their subresources; none where there is no such group.
async fn resources(client: &Client) -> Result<Vec<String>, Error> {
    match client.list_api_group_resources(&format!("{GROUP}/{VERSION}")).await {
        Ok(list) => Ok(list.resources.into_iter().map(|resource| resource.name).collect()),
        Err(Error::Api(status)) if status.code == 404 => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

async fn is_allowed(client: &Client, namespace: &str, right: Right) -> Result<bool, String> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let mut attributes = json!({ "verb": right.verb, "group": right.group, "resource": resource, "subresource": subresource });
    if right.own_namespace {
        attributes["namespace"] = namespace.into();
    }
    let review = json!({ "metadata": {}, "spec": { "resourceAttributes": attributes } });
    let review: SelfSubjectAccessReview = serde_json::from_value(review).map_err(|error| error.to_string())?;
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = within(reviews.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Servers publish it since 1.24; before that nothing is known of it.
async fn schema(client: &Client) -> Value {
    let request = Request::get(format!("/openapi/v3/apis/{GROUP}/{VERSION}")).body(Vec::new());
    match request {
        Ok(request) => within(client.request::<Value>(request)).await.unwrap_or_default(),
        Err(_impossible) => Value::Null,
    }
}

/// Every field's name and every choice in the schema of one kind.
fn words(schema: &Value, kind: &str) -> Vec<String> {
    let schemas = schema.pointer("/components/schemas").and_then(Value::as_object);
    let of_kind = schemas.into_iter().flatten().filter(|(name, _)| name.ends_with(&format!(".{kind}")));
    let mut found = Vec::new();
    of_kind.for_each(|(_, schema)| collect(schema, &mut found));
    found
}

fn collect(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                match (name.as_str(), value) {
                    ("properties", Value::Object(properties)) => found.extend(properties.keys().cloned()),
                    ("enum", Value::Array(choices)) => found.extend(choices.iter().filter_map(Value::as_str).map(str::to_owned)),
                    _ => {}
                }
                collect(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

async fn within<T>(answer: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(|error| chain(&error)),
        Err(_elapsed) => Err("it does not answer in time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use wiremock::{
        Mock, MockServer, ResponseTemplate,
        matchers::{method, path},
    };

    use super::*;

    #[test]
    fn the_words_of_a_schema_are_those_of_one_kind() {
        let of = |strategy: &str| json!({ "properties": { "spec": { "properties": { "strategy": { "enum": [strategy] } } } } });
        let schema = json!({ "components": { "schemas": {
            "com.dynatrace.research.v1alpha1.DeceptionPolicy": of("ebpf"),
            "com.dynatrace.research.v1alpha1.DeceptionPolicyList": of("other"),
        } } });
        assert_eq!(words(&schema, "DeceptionPolicy"), ["spec", "strategy", "ebpf"]);
        assert!(words(&Value::Null, "DeceptionPolicy").is_empty());
    }

    /// What is made of a server that answers so when it is asked for the group.
    async fn read(status: u16) -> Result<Cluster, String> {
        let server = MockServer::start().await;
        let version = json!({ "major": "1", "minor": "30", "gitVersion": "v1.30.0", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": "" });
        let review = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "metadata": {},
            "spec": {}, "status": { "allowed": true } });
        let failure =
            json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no", "code": status });
        for (mock, code, body) in [
            (Mock::given(path("/version")), 200, version),
            (Mock::given(method("POST")), 201, review),
            (Mock::given(path(format!("/apis/{GROUP}/{VERSION}"))), status, failure),
        ] {
            mock.respond_with(ResponseTemplate::new(code).set_body_json(body)).mount(&server).await;
        }
        let client = Client::try_from(kube::Config::new(server.uri().parse().expect("an address"))).expect("a client");
        Cluster::read(client, "koney-system").await
    }

    #[tokio::test]
    async fn only_a_group_that_is_not_there_is_not_defined() {
        let absent = read(404).await.expect("the server has answered");
        assert_eq!((absent.version.as_str(), absent.policies, absent.sinks), ("v1.30.0", None, None));
        let error = read(503).await.expect_err("nothing is known of the group");
        assert!(error.contains("no"), "{error}");
    }
}
