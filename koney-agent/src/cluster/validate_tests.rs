//! Koney's rules, one by one.

use super::policy::DeceptionPolicySpec;
use super::validate::policy;
use serde_json::json;

fn check(spec: serde_json::Value) -> (usize, Vec<String>) {
    let spec: DeceptionPolicySpec = serde_json::from_value(spec).expect("admitted by the schema");
    let validated = policy("p", &spec);
    let lines = validated
        .issues
        .iter()
        .map(|issue| format!("{}: {}", issue.field, issue.reason))
        .collect();
    (validated.policy.traps.len(), lines)
}

fn one(trap: &serde_json::Value) -> (usize, Vec<String>) {
    check(json!({ "traps": [trap] }))
}

#[test]
fn an_empty_placeholder_means_nothing() {
    let trap = json!({
        "filesystemHoneytoken": { "filePath": "/run/x" }, "httpEndpoint": {}, "httpPayload": {},
        "decoyDeployment": {}, "captorDeployment": {},
        "match": { "any": [{ "resources": { "namespaces": ["a"] } }] },
    });
    assert_eq!(one(&trap), (1, vec![]));
    let trap = json!({ "httpEndpoint": {}, "match": { "any": [{ "resources": { "namespaces": ["a"] } }] } });
    assert_eq!(
        one(&trap),
        (
            0,
            vec![
                "spec.traps[0]: has no filesystemHoneytoken, the one trap kind there is".to_owned()
            ]
        )
    );
}

#[test]
fn paths_must_name_a_file_absolutely() {
    let cases = [
        ("/run/../x//y", None),
        ("run/x", Some(r#"must be absolute, got "run/x""#)),
        ("", Some(r#"must be absolute, got """#)),
        ("/", Some(r#"must name a file, got the directory "/""#)),
        (
            "/run/",
            Some(r#"must name a file, got the directory "/run/""#),
        ),
        ("/a\0b", Some(r#"must not contain a NUL, got "/a\0b""#)),
    ];
    for (written, expected) in cases {
        let trap = json!({
            "filesystemHoneytoken": { "filePath": written },
            "match": { "any": [{ "resources": { "namespaces": ["a"] } }] },
        });
        let expected: Vec<String> = expected
            .map(|reason| format!("spec.traps[0].filesystemHoneytoken.filePath: {reason}"))
            .into_iter()
            .collect();
        assert_eq!(
            one(&trap),
            (usize::from(expected.is_empty()), expected),
            "{written:?}"
        );
    }
}

#[test]
fn filters_follow_the_rules() {
    let filter = |resources: serde_json::Value| {
        one(&json!({
            "filesystemHoneytoken": { "filePath": "/x" }, "match": { "any": [{ "resources": resources }] },
        }))
    };
    let at = |suffix: &str| vec![format!("spec.traps[0].match.any[0].resources{suffix}")];
    assert_eq!(
        filter(json!({ "selector": { "matchLabels": { "app": "web" } } })),
        (1, vec![])
    );
    assert_eq!(
        filter(
            json!({ "selector": { "matchExpressions": [{ "key": "app", "operator": "Exists" }] } })
        ),
        (1, vec![])
    );
    assert_eq!(
        filter(json!({ "containerSelector": "web" })),
        (0, at(": selects everything"))
    );
    assert_eq!(
        filter(json!({ "namespaces": ["a"], "containerSelector": "regex:(" })),
        (
            0,
            at(
                r#".containerSelector: "regex:(" is not a valid regular expression (unclosed group)"#
            )
        )
    );
    assert_eq!(
        filter(json!({ "namespaces": ["a"], "containerSelector": "*" })),
        (1, at(".containerSelector: selects a container named *"))
    );
    assert_eq!(
        filter(
            json!({ "selector": { "matchExpressions": [{ "key": "app", "operator": "Has" }] } })
        ),
        (
            0,
            at(
                r#".selector.matchExpressions[0].operator: unknown operator "Has", expected one of In, NotIn, Exists, DoesNotExist"#
            )
        )
    );
    assert_eq!(
        filter(json!({ "selector": { "matchExpressions": [{ "key": "app", "operator": "In" }] } })),
        (
            0,
            at(".selector.matchExpressions[0].values: is required with In")
        )
    );
}

#[test]
fn match_any_is_required_and_may_be_empty() {
    let path = json!({ "filePath": "/x" });
    for selection in [json!(null), json!({}), json!({ "any": null })] {
        assert_eq!(
            one(&json!({ "filesystemHoneytoken": path, "match": selection })),
            (0, vec!["spec.traps[0].match.any: is required".to_owned()])
        );
    }
    assert_eq!(
        one(&json!({ "filesystemHoneytoken": path, "match": { "any": [] } })),
        (
            1,
            vec!["spec.traps[0].match.any: is empty: in a cluster it selects nothing".to_owned()]
        )
    );
}

#[test]
fn strict_validation_takes_all_traps_or_the_invalid_ones() {
    let selection = json!({ "any": [{ "resources": { "namespaces": ["a"] } }] });
    let traps = json!([
        { "filesystemHoneytoken": { "filePath": "/x" }, "match": selection },
        { "filesystemHoneytoken": { "filePath": "y" }, "match": selection },
    ]);
    assert_eq!(check(json!({ "traps": traps })).0, 0);
    assert_eq!(
        check(json!({ "traps": traps, "strictValidation": false })).0,
        1
    );
}

#[test]
fn captor_none_is_kept_unwatched() {
    for (strategy, watched) in [
        ("tetragon", true),
        ("kive", true),
        ("ebpf", true),
        ("none", false),
    ] {
        let spec = serde_json::from_value(json!({ "traps": [{
            "filesystemHoneytoken": { "filePath": "/x" }, "captorDeployment": { "strategy": strategy },
            "match": { "any": [{ "resources": { "namespaces": ["a"] } }] },
        }] }))
        .expect("admitted by the schema");
        let trap = policy("p", &spec).policy.traps.remove(0);
        assert_eq!((trap.watched, trap.captor.as_str()), (watched, strategy));
    }
}
