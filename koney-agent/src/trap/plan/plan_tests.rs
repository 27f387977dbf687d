//! The documented semantics of `match`, case by case: each line is a policy's trap, a pod, and the containers that get it.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{plan, selects};
use crate::cluster::{
    DeceptionPolicySpec, Policy,
    pods::{Pod, PodContainer, Pods, Workload},
    validate_policy,
};

const PATH: &str = "/run/secrets/koney/token";

/// A policy of one trap with these filters.
fn policy(strategy: &str, any: &Value) -> Policy {
    let spec = json!({ "traps": [{
        "filesystemHoneytoken": { "filePath": PATH },
        "decoyDeployment": { "strategy": strategy },
        "match": { "any": any },
    }] });
    let spec: DeceptionPolicySpec = serde_json::from_value(spec).expect("a policy");
    validate_policy("p", &spec).policy
}

fn labels(text: &str) -> BTreeMap<String, String> {
    let pairs = text.split(',').filter_map(|pair| pair.split_once('='));
    pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

/// `NAMESPACE LABELS CONTAINER…`.
fn pod(text: &str) -> Pod {
    let mut words = text.split(' ');
    let (namespace, of_pod) = (words.next().expect("a namespace"), words.next().expect("labels"));
    let containers = words.map(|name| PodContainer { name: name.to_owned(), ..PodContainer::default() });
    Pod { namespace: namespace.to_owned(), labels: labels(of_pod), containers: containers.collect(), ..Pod::default() }
}

fn selected(policy: &Policy, pod: Pod) -> String {
    let pods = Pods::new(vec![Arc::new(pod)]);
    plan(std::slice::from_ref(policy), &pods).map(|selected| selected.container.name.clone()).collect::<Vec<_>>().join(" ")
}

fn resources(namespaces: &[&str], selector: &Value, containers: &str) -> Value {
    json!({ "resources": { "namespaces": namespaces, "selector": selector, "containerSelector": containers } })
}

fn expression(key: &str, operator: &str, values: &[&str]) -> Value {
    json!({ "matchExpressions": [{ "key": key, "operator": operator, "values": values }] })
}

#[test]
fn filters_select_pods_as_documented() {
    let none = json!({});
    let web = json!({ "matchLabels": { "app": "web" } });
    let web_prod = json!({ "matchLabels": { "app": "web", "tier": "prod" } });
    let both = json!({ "matchLabels": { "app": "web" }, "matchExpressions": [{ "key": "tier", "operator": "Exists" }] });
    let cases: Vec<(Value, &str, &str)> = vec![
        // Namespaces: exact names, joined by OR.
        (json!([resources(&["shop"], &none, "")]), "shop - a b", "a b"),
        (json!([resources(&["shop"], &none, "")]), "shop app=web a", "a"),
        (json!([resources(&["shop"], &none, "")]), "bank - a", ""),
        (json!([resources(&["shop"], &none, "")]), "shop2 - a", ""),
        (json!([resources(&["shop", "bank"], &none, "")]), "bank - a", "a"),
        (json!([resources(&["sh*"], &none, "")]), "shop - a", ""),
        (json!([resources(&["Shop"], &none, "")]), "shop - a", ""),
        // Labels alone: every namespace.
        (json!([resources(&[], &web, "")]), "shop app=web a", "a"),
        (json!([resources(&[], &web, "")]), "kube-system app=web a", "a"),
        (json!([resources(&[], &web, "")]), "shop app=webs a", ""),
        (json!([resources(&[], &web, "")]), "shop - a", ""),
        (json!([resources(&[], &web, "")]), "shop apps=web a", ""),
        (json!([resources(&[], &web_prod, "")]), "shop app=web a", ""),
        (json!([resources(&[], &web_prod, "")]), "shop app=web,tier=prod a", "a"),
        (json!([resources(&[], &web_prod, "")]), "shop app=web,tier=prod,extra=1 a", "a"),
        // Namespaces AND labels.
        (json!([resources(&["shop"], &web, "")]), "shop app=web a", "a"),
        (json!([resources(&["shop"], &web, "")]), "bank app=web a", ""),
        (json!([resources(&["shop"], &web, "")]), "shop app=db a", ""),
        (json!([resources(&["shop", "bank"], &web, "")]), "bank app=web a", "a"),
        // Expressions.
        (json!([resources(&[], &expression("app", "In", &["web", "api"]), "")]), "shop app=api a", "a"),
        (json!([resources(&[], &expression("app", "In", &["web", "api"]), "")]), "shop app=db a", ""),
        (json!([resources(&[], &expression("app", "In", &["web"]), "")]), "shop - a", ""),
        (json!([resources(&[], &expression("app", "NotIn", &["web"]), "")]), "shop app=db a", "a"),
        (json!([resources(&[], &expression("app", "NotIn", &["web"]), "")]), "shop app=web a", ""),
        (json!([resources(&[], &expression("app", "NotIn", &["web"]), "")]), "shop - a", "a"),
        (json!([resources(&[], &expression("app", "Exists", &[]), "")]), "shop app=x a", "a"),
        (json!([resources(&[], &expression("app", "Exists", &[]), "")]), "shop - a", ""),
        (json!([resources(&[], &expression("app", "DoesNotExist", &[]), "")]), "shop - a", "a"),
        (json!([resources(&[], &expression("app", "DoesNotExist", &[]), "")]), "shop app=x a", ""),
        (json!([resources(&["shop"], &expression("app", "Exists", &[]), "")]), "bank app=x a", ""),
        (json!([resources(&[], &both, "")]), "shop app=web,tier=x a", "a"),
        (json!([resources(&[], &both, "")]), "shop app=web a", ""),
        (json!([resources(&[], &both, "")]), "shop tier=x a", ""),
        // Filters are joined by OR, and their containers merged.
        (json!([resources(&["shop"], &none, ""), resources(&["bank"], &none, "")]), "bank - a", "a"),
        (json!([resources(&["shop"], &web, ""), resources(&["bank"], &none, "")]), "bank app=db a", "a"),
        (json!([resources(&["shop"], &none, "a"), resources(&["shop"], &none, "b")]), "shop - a b c", "a b"),
        (json!([resources(&["shop"], &none, "a"), resources(&["shop"], &none, "glob:*")]), "shop - a b", "a b"),
        (json!([resources(&["shop"], &web, "a"), resources(&["shop"], &none, "b")]), "shop app=web a b", "a b"),
        (json!([resources(&["shop"], &web, "a"), resources(&["shop"], &none, "b")]), "shop - a b", "b"),
        (json!([]), "shop - a", ""),
        // Containers: a name, glob: or regex:.
        (json!([resources(&["shop"], &none, "nginx")]), "shop - nginx nginx2 my-nginx", "nginx"),
        (json!([resources(&["shop"], &none, "*")]), "shop - a b", ""),
        (json!([resources(&["shop"], &none, "glob:*")]), "shop - a b", "a b"),
        (json!([resources(&["shop"], &none, "glob:nginx*")]), "shop - nginx nginx2 my-nginx", "nginx nginx2"),
        (json!([resources(&["shop"], &none, "glob:?-1")]), "shop - a-1 ab-1 a-2", "a-1"),
        (json!([resources(&["shop"], &none, "glob:[a-c]")]), "shop - a b d", "a b"),
        (json!([resources(&["shop"], &none, "glob:[^a]")]), "shop - a b", "b"),
        (json!([resources(&["shop"], &none, "glob:web")]), "shop - web web-1", "web"),
        (json!([resources(&["shop"], &none, "regex:.*")]), "shop - a b", "a b"),
        (json!([resources(&["shop"], &none, "regex:")]), "shop - a b", "a b"),
        (json!([resources(&["shop"], &none, "regex:nginx")]), "shop - nginx my-nginx-2 web", "nginx my-nginx-2"),
        (json!([resources(&["shop"], &none, "regex:^nginx$")]), "shop - nginx my-nginx", "nginx"),
        (json!([resources(&["shop"], &none, "regex:^(web|app)-[0-9]+$")]), "shop - web-1 app-22 db-1 web", "web-1 app-22"),
        (json!([resources(&["shop"], &web, "regex:^w")]), "shop app=web web sidecar", "web"),
        (json!([resources(&["shop"], &web, "regex:^w")]), "bank app=web web", ""),
    ];
    assert!(cases.len() >= 55);
    for (any, text, expected) in cases {
        assert_eq!(selected(&policy("containerExec", &any), pod(text)), expected, "{any} on {text}");
    }
}

#[test]
fn a_mounted_decoy_is_the_deployments() {
    let (web, by_namespace) = (json!({ "matchLabels": { "app": "web" } }), json!([resources(&["shop"], &json!({}), "")]));
    let by_label = json!([resources(&[], &web, "glob:a*")]);
    // The filter, labels of the Deployment if there is one, the pod, and whether its first container has Koney's volume.
    let cases: Vec<(&Value, Option<&str>, &str, bool, &str)> = vec![
        (&by_label, Some("app=web"), "shop - a b", false, "a"),
        (&by_label, Some("app=db"), "shop app=web a", false, ""),
        (&by_label, Some("-"), "shop app=web a", true, ""),
        (&by_label, None, "shop app=web a", false, ""),
        (&by_label, None, "shop - a b", true, "a"),
        (&by_label, None, "shop - b a", true, ""),
        (&by_namespace, Some("-"), "shop - a b", false, "a b"),
        (&by_namespace, Some("-"), "bank - a", false, ""),
        (&by_namespace, None, "shop - a", false, ""),
        (&by_namespace, None, "shop - a b", true, "a"),
        (&by_namespace, None, "bank - a", true, ""),
    ];
    for (any, deployment, text, mounted, expected) in cases {
        let mut pod = pod(text);
        let workload = |text| Workload { kind: "Deployment".to_owned(), name: "web".to_owned(), labels: labels(text) };
        pod.workload = deployment.map(|text| Arc::new(workload(text)));
        if mounted {
            pod.containers[0].decoys.insert(PATH.to_owned());
        }
        {
            let strategy = "volumeMount";
            assert_eq!(selected(&policy(strategy, any), pod.clone()), expected, "{any} on {deployment:?} {text} {mounted}");
        }
    }
}

#[test]
fn a_volume_for_another_path_is_no_evidence() {
    let policy = policy("volumeMount", &json!([resources(&["shop"], &json!({}), "")]));
    let mut pod = pod("shop - a");
    pod.containers[0].decoys.insert("/run/secrets/koney/other".to_owned());
    assert!(!selects(&policy.traps[0], &pod, &pod.containers[0]));
}

#[test]
fn what_nobody_is_to_watch_is_not_planned() {
    let spec = |captor: &str, strict: bool| {
        let trap = |path: &str, captor: &str| {
            json!({
                "filesystemHoneytoken": { "filePath": path },
                "decoyDeployment": { "strategy": "containerExec" },
                "captorDeployment": { "strategy": captor },
                "match": { "any": [resources(&["shop"], &json!({}), "")] },
            })
        };
        let spec = json!({ "strictValidation": strict, "traps": [trap(PATH, captor), trap("relative", "tetragon")] });
        let spec: DeceptionPolicySpec = serde_json::from_value(spec).expect("a policy");
        validate_policy("p", &spec).policy
    };
    for (captor, strict, expected) in [
        ("tetragon", false, "a"),
        ("kive", false, "a"),
        ("ebpf", false, "a"),
        ("none", false, ""),
        // One invalid trap takes the policy out of force.
        ("tetragon", true, ""),
    ] {
        assert_eq!(selected(&spec(captor, strict), pod("shop - a")), expected, "{captor} {strict}");
    }
}
