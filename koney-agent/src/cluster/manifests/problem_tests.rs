//! What people are told: the whole line, as they see it.

use super::fixture::{Folder, SERVICE_TOKEN, SINK, policy, problems_of};

#[test]
fn a_broken_secret_is_named_by_key_and_never_shown() {
    let head = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\n";
    let cases = [
        (
            "data:\n  apiToken: hunter2!\n",
            "a.yaml:6: Secret/koney-system/s data.apiToken: is not valid base64; encode the value, or move it to stringData",
        ),
        (
            "stringData:\n  apiToken: 12345678\n",
            "a.yaml:6: Secret/koney-system/s stringData.apiToken: must be a string, got a number; put the value in quotes",
        ),
        (
            "stringData: hunter2\n",
            "a.yaml:5: Secret/koney-system/s stringData: must be a mapping, got a string; write one key and value per line",
        ),
        (
            "stringdata:\n  apiToken: hunter2\n",
            "a.yaml:5: Secret/koney-system/s stringdata: is an unknown field and has no effect; did you mean \"stringData\"?",
        ),
        ("stringData:\n  apiToken: 'hunter2\n", "a.yaml"),
        ("stringData:\n  apiToken: \"hunter2\\q\"\n", "a.yaml"),
        ("stringData:\n\tapiToken: hunter2\n", "a.yaml"),
        ("stringData:\n  apiToken: hunter2: x\n", "a.yaml"),
        ("stringData:\n  apiToken: @hunter2\n", "a.yaml"),
    ];
    for (body, expected) in cases {
        let problems = problems_of(format!("{head}{body}"));
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with(expected), "{}", problems[0]);
        assert!(!problems[0].contains("hunter2") && !problems[0].contains("12345678"), "{}", problems[0]);
    }
}

#[test]
fn what_the_schema_refuses_is_named_with_line_field_and_reason() {
    let sink = |body: &str| SINK.replace("    severity: CRITICAL\n", body);
    let cases = [
        (
            sink("    severity: URGENT\n"),
            "a.yaml:9: DeceptionAlertSink/koney-system/dynatrace spec.dynatrace.severity: unknown severity `URGENT`, \
             expected one of CRITICAL, HIGH, MEDIUM, LOW; use one of these",
        ),
        (
            sink("    allowHttp: maybe\n"),
            "a.yaml:9: DeceptionAlertSink/koney-system/dynatrace spec.dynatrace.allowHttp: must be a boolean, got \
             string \"maybe\"; correct the value",
        ),
        (
            SINK.replace("    secretName: dynatrace-api\n", ""),
            "a.yaml:7: DeceptionAlertSink/koney-system/dynatrace spec.dynatrace.secretName: is required; name the \
             Secret that has apiToken and apiUrl",
        ),
        (
            SERVICE_TOKEN.replace("strategy: tetragon", "strategy: falco"),
            "a.yaml:16: DeceptionPolicy/service-token spec.traps[0].captorDeployment.strategy: unknown captor strategy \
             `falco`, expected one of tetragon, kive, none, ebpf; use one of these",
        ),
        (
            SERVICE_TOKEN.replace("'someverysecrettoken'", "no"),
            "a.yaml:11: DeceptionPolicy/service-token spec.traps[0].filesystemHoneytoken.fileContent: must be a \
             string, got boolean `false`; put the value in quotes",
        ),
        (
            SERVICE_TOKEN
                .replace("filePath: /run/secrets/koney/service_token", "readOnly: no")
                .replace("        readOnly: true\n", ""),
            "a.yaml:9: DeceptionPolicy/service-token spec.traps[0].filesystemHoneytoken.filePath: is required; add it",
        ),
        (
            SERVICE_TOKEN.replace("[koney-demo]", "koney-demo").replace("'*'", "''"),
            "a.yaml:20: DeceptionPolicy/service-token spec.traps[0].match.any[0].resources.namespaces: must be a list, \
             got string \"koney-demo\"; correct the value",
        ),
        (
            SERVICE_TOKEN.replace("v1alpha1", "v1"),
            "a.yaml:1: DeceptionPolicy/service-token apiVersion: unknown version \"research.dynatrace.com/v1\", \
             expected research.dynatrace.com/v1alpha1; write apiVersion: research.dynatrace.com/v1alpha1",
        ),
        (
            SERVICE_TOKEN.replace("DeceptionPolicy", "DeceptionPolcy"),
            "a.yaml:2: kind: unknown kind \"DeceptionPolcy\"; did you mean DeceptionPolicy?",
        ),
        (
            SERVICE_TOKEN.replace("name: service-token", "name: Service_Token"),
            "a.yaml:4: metadata.name: must be a DNS name of at most 253 characters, got \"Service_Token\"; use \
             lower-case letters, digits, - and .",
        ),
        ("kind: Secret\napiVersion: v1\n".to_owned(), "a.yaml:1: metadata.name: is required; name the object"),
        ("a: 1\n".to_owned(), "a.yaml:1: kind: is required; write the object's kind, for example DeceptionPolicy"),
        ("- a\n".to_owned(), "a.yaml:1: must be a mapping, got a list; start it with apiVersion, kind and metadata"),
    ];
    for (text, expected) in cases {
        assert_eq!(problems_of(text), [expected]);
    }
}

#[test]
fn an_annotation_is_a_text_that_says_yes_or_no() {
    let annotated = |value: &str| {
        let annotations = format!("name: service-token\n  annotations: {{koney/denied-attempts: {value}}}");
        problems_of(SERVICE_TOKEN.replace("'*'", "''").replace("name: service-token", &annotations))
    };
    for value in ["'true'", "'false'"] {
        assert_eq!(annotated(value), [""; 0]);
    }
    for (value, got) in [("true", "a boolean"), ("'yes'", "\"yes\"")] {
        let expected = format!(
            "a.yaml:5: DeceptionPolicy/service-token metadata.annotations[\"koney/denied-attempts\"]: must be the text \"true\" \
             or \"false\", got {got}; the policy is in force without it; put true or false in quotes"
        );
        assert_eq!(annotated(value), [expected]);
    }
}

#[test]
fn what_a_policy_says_about_its_alerts_is_checked_word_by_word() {
    let annotated = |annotations: &str| {
        let annotations = format!("name: service-token\n  annotations: {{{annotations}}}");
        problems_of(SERVICE_TOKEN.replace("'*'", "''").replace("name: service-token", &annotations))
    };
    let good = "koney/severity: LOW, koney/tags: 'team-a, pci', koney/mitre-techniques: 'T1552,T1552.001'";
    assert_eq!(annotated(good), [""; 0]);
    let at = |name: &str| format!("a.yaml:5: DeceptionPolicy/service-token metadata.annotations[\"koney/{name}\"]");
    for (annotation, expected) in [
        (
            "koney/severity: high",
            r#"severity: unknown severity "high"; the policy is in force without it; use CRITICAL, HIGH, MEDIUM or LOW"#,
        ),
        (
            "koney/severity: 7",
            "severity: must be a text, got a number; the policy is in force without it; use CRITICAL, HIGH, MEDIUM or LOW",
        ),
        (
            "koney/tags: 'ok,not ok'",
            r#"tags: "not ok" cannot be used; the policy is in force without it; separate words of letters, digits and -_.:/ by commas"#,
        ),
        (
            "koney/mitre-techniques: 'T1552, 1552'",
            r#"mitre-techniques: "1552" cannot be used; the policy is in force without it; write T1552 or T1552.001, separated by commas"#,
        ),
    ] {
        let (name, text) = expected.split_once(':').expect("the annotation's name");
        assert_eq!(annotated(annotation), [format!("{}:{text}", at(name))]);
    }
}

#[test]
fn readers_that_cannot_be_understood_are_named_one_by_one() {
    let annotated = |value: &str| {
        let annotations = format!("name: service-token\n  annotations: {{koney/expected-readers: {value}}}");
        problems_of(SERVICE_TOKEN.replace("'*'", "''").replace("name: service-token", &annotations))
    };
    assert_eq!(annotated("'/usr/bin/restic backup/app=restic'"), [""; 0]);
    let field = "a.yaml:5: DeceptionPolicy/service-token metadata.annotations[\"koney/expected-readers\"]";
    let remedy = "name programs as /path, pods as namespace/label=value";
    assert_eq!(
        annotated("'backup/app /usr/bin/restic Backup'"),
        [
            format!("{field}: \"app\" is no label; write it as name=value; whatever it reads is told; {remedy}"),
            format!("{field}: \"Backup\" is neither an absolute path nor a namespace; whatever it reads is told; {remedy}"),
        ]
    );
    assert_eq!(annotated("7"), [format!("{field}: must be a text, got a number; the policy is in force without it; {remedy}")]);
}

#[test]
fn trap_rules_come_with_their_lines() {
    let relative = SERVICE_TOKEN.replace("/run/secrets", "run/secrets").replace("'*'", "''");
    assert_eq!(
        problems_of(relative),
        ["a.yaml:10: DeceptionPolicy/service-token spec.traps[0].filesystemHoneytoken.filePath: must be absolute, got \
          \"run/secrets/koney/service_token\"; write it with a leading /"]
    );
    let (head, _) = SERVICE_TOKEN.split_once("      match:").expect("the fixture has a match");
    assert_eq!(
        problems_of(head),
        ["a.yaml:9: DeceptionPolicy/service-token spec.traps[0].match.any: is required; list at least one filter"]
    );
    assert_eq!(
        problems_of(format!("{head}      match: {{ any: [] }}\n")),
        ["a.yaml:17: DeceptionPolicy/service-token spec.traps[0].match.any: is empty: in a cluster it selects nothing; \
          list at least one filter"]
    );
}

#[test]
fn unknown_fields_are_warned_about_and_the_object_stays() {
    let mut folder = Folder::new();
    let text = SERVICE_TOKEN
        .replace("readOnly: true", "readonly: true")
        .replace("'*'", "''")
        .replace("  strictValidation: true\n", "  severity: HIGH\n");
    folder.write("a.yaml", text).read();
    assert_eq!(folder.traps(), ["service-token:/run/secrets/koney/service_token"]);
    assert_eq!(
        folder.problems(),
        [
            "a.yaml:6: DeceptionPolicy/service-token spec.severity: is an unknown field and has no effect; remove it",
            "a.yaml:12: DeceptionPolicy/service-token spec.traps[0].filesystemHoneytoken.readonly: is an unknown \
             field and has no effect; did you mean \"readOnly\"?",
        ]
    );
}

#[test]
fn hostile_values_stay_on_one_short_line() {
    let text = policy("p", &[&format!("\"x\\n\\e[2J{}\"", "y".repeat(100_000))]);
    let problems = problems_of(text);
    assert_eq!(problems.len(), 1);
    assert!(problems[0].chars().count() < 300 && !problems[0].chars().any(char::is_control), "{}", problems[0]);
}
