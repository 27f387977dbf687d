use serde_json::json;

use super::*;
use crate::alert::{Container, Trap, samples};

fn rendered(alert: &Alert) -> String {
    String::from_utf8(Finding::default().render(alert)).expect("JSON is UTF-8")
}

fn value_of(alert: &Alert) -> serde_json::Value {
    serde_json::from_str(&rendered(alert)).expect("an event is valid JSON")
}

/// The example of the specification, to the byte.
const SPECIFIED: &str = concat!(
    r#"{"timestamp":"2025-07-18T19:39:11Z","koney.deception_policy_name":"deceptionpolicy-servicetoken","#,
    r#""koney.trap_type":"filesystem_honeytoken","koney.metadata.file_path":"/run/secrets/koney/service_token","#,
    r#""event.kind":"SECURITY_EVENT","event.type":"DETECTION_FINDING","event.name":"Detection finding event","#,
    r#""event.provider":"Koney","event.version":"2025-07-18","event.id":"C85DB174F28C4FDD0892C4B8F280A86B","#,
    r#""event.description":"Access to honeytoken (/run/secrets/koney/service_token) in pod (koney-demo/koney-demo-deployment-8f9cb7b9c-q4fxl) detected","#,
    r#""finding.type":"KONEY_ALERT","finding.id":"C85DB174F28C4FDD0892C4B8F280A86B","#,
    r#""finding.title":"Access to honeytoken (/run/secrets/koney/service_token) in pod (koney-demo/koney-demo-deployment-8f9cb7b9c-q4fxl) detected","#,
    r#""finding.description":"Access to honeytoken (/run/secrets/koney/service_token) in pod (koney-demo/koney-demo-deployment-8f9cb7b9c-q4fxl) detected","#,
    r#""finding.time.created":"2025-07-18T19:39:11Z","finding.severity":"HIGH","dt.security.risk.level":"HIGH","#,
    r#""dt.security.risk.score":8.9,"product.name":"Koney","product.vendor":"Dynatrace Research","#,
    r#""k8s.namespace.name":"koney-demo","k8s.node.name":"minikube","k8s.pod.name":"koney-demo-deployment-8f9cb7b9c-q4fxl","#,
    r#""k8s.container.name":"nginx","k8s.container.id":"6f5ab819f146ffd24745bac5d3dc2c3d4071c504366fb85b416a7a500de144d9","#,
    r#""process.executable.name":"cat","process.executable.path":"/usr/bin","process.executable.arguments":"/run/secrets/koney/service_token","#,
    r#""process.pid":9999,"process.uid":0,"process.cwd":"/","object.type":"KUBERNETES_CONTAINER_ID","#,
    r#""object.id":"6f5ab819f146ffd24745bac5d3dc2c3d4071c504366fb85b416a7a500de144d9""#
);

#[test]
fn begins_with_the_specified_keys_in_their_order() {
    let event = rendered(&samples::in_pod());
    let further = event.strip_prefix(SPECIFIED).unwrap_or_else(|| panic!("the specified part differs:\n{event}"));
    assert_eq!(
        further,
        concat!(
            r#","object.name":"nginx","event.start":"2025-07-18T19:39:11.987654321Z","koney.operation":"open","koney.detector":"lsm","#,
            r#""koney.process.executable":"/usr/bin/cat","rule.id":"deceptionpolicy-servicetoken","rule.name":"deceptionpolicy-servicetoken"}"#
        )
    );
}

#[test]
fn on_a_host_the_object_is_the_host() {
    let mut expected = value_of(&samples::in_pod());
    let fields = expected.as_object_mut().expect("an object");
    for key in ["k8s.namespace.name", "k8s.pod.name", "k8s.container.name", "k8s.container.id"] {
        fields.remove(key);
    }
    let sentence = "Access to honeytoken (/run/secrets/koney/service_token) on host (web-1) detected";
    for (key, value) in [
        ("event.description", sentence),
        ("finding.title", sentence),
        ("finding.description", sentence),
        ("k8s.node.name", "web-1"),
        ("object.type", "HOST"),
        ("object.id", "0123456789abcdef0123456789abcdef"),
        ("object.name", "web-1"),
    ] {
        fields.insert(key.to_owned(), json!(value));
    }
    assert_eq!(value_of(&samples::on_host()), expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    let mut alert = samples::in_pod();
    alert.policy = None;
    alert.trap = Trap::Unknown;
    alert.node = None;
    alert.owner = Owner::Container(Container::default());
    alert.process = None;
    let event = value_of(&alert);
    let keys: Vec<_> = event.as_object().expect("an object").keys().filter(|key| !key.starts_with("finding.")).collect();
    assert_eq!(
        keys,
        [
            "dt.security.risk.level",
            "dt.security.risk.score",
            "event.description",
            "event.id",
            "event.kind",
            "event.name",
            "event.provider",
            "event.start",
            "event.type",
            "event.version",
            "koney.detector",
            "koney.enrichment",
            "koney.operation",
            "koney.trap_type",
            "object.type",
            "product.name",
            "product.vendor",
            "timestamp",
        ]
    );
}

#[test]
fn everything_known_of_the_process_is_told() {
    let mut alert = samples::in_pod();
    alert.accessed_path = Some("/proc/1/root/token".to_owned());
    alert.process = Some(Process {
        pid: Some(7),
        tid: Some(8),
        uid: Some(1000),
        gid: Some(100),
        login_uid: Some(1001),
        capabilities: Some(0x1ff_ffff_ffff),
        comm: Some("cat".to_owned()),
        executable: Some("/cat".to_owned()),
        arguments: None,
        arguments_truncated: true,
        cwd: None,
        started: Some("2025-07-18T19:39:11Z".parse().expect("a valid time")),
        parent_pid: Some(6),
        parent_comm: Some("sh".to_owned()),
    });
    let event = rendered(&alert);
    assert!(event.contains(
        r#","process.executable.name":"cat","process.executable.path":"/","process.pid":7,"process.uid":1000,"object.type""#
    ));
    assert!(
        event.contains(concat!(
            r#","koney.accessed_path":"/proc/1/root/token","koney.operation":"open","koney.detector":"lsm","#,
            r#""koney.process.executable":"/cat","koney.process.tid":"8","koney.process.gid":"100","koney.process.login_uid":"1001","#,
            r#""koney.process.capabilities":"000001ffffffffff","koney.process.comm":"cat","#,
            r#""koney.process.start_time":"2025-07-18T19:39:11.000000000Z","koney.process.arguments_truncated":"true","#,
            r#""koney.process.parent.pid":"6","koney.process.parent.comm":"sh","rule.id""#
        )),
        "{event}"
    );
    if let Some(process) = &mut alert.process {
        process.login_uid = Some(NO_LOGIN);
    }
    assert!(!rendered(&alert).contains("login_uid"));
}

#[test]
fn severities_have_their_scores() {
    for (severity, level, score) in [
        (Severity::Critical, "CRITICAL", "10.0"),
        (Severity::High, "HIGH", "8.9"),
        (Severity::Medium, "MEDIUM", "6.9"),
        (Severity::Low, "LOW", "3.9"),
    ] {
        assert_eq!(level.parse(), Ok(severity));
        let alert = samples::in_pod();
        let event = String::from_utf8(Finding { severity }.render(&alert)).expect("JSON is UTF-8");
        let expected =
            format!(r#""finding.severity":"{level}","dt.security.risk.level":"{level}","dt.security.risk.score":{score},"#);
        assert!(event.contains(&expected), "{event}");
    }
    assert!("high".parse::<Severity>().is_err());
    assert_eq!(Severity::default(), Severity::High);
}

#[test]
fn what_the_attacker_writes_stays_text() {
    let event = value_of(&samples::hostile());
    for key in ["process.executable.arguments", "process.cwd", "koney.accessed_path"] {
        assert_eq!(event[key], samples::HOSTILE, "{key}");
    }
}

#[test]
fn values_are_cut_between_characters() {
    let event = value_of(&samples::with_arguments(&format!("x{}", "\u{e9}".repeat(70_000))));
    assert_eq!(event["process.executable.arguments"].as_str().map(str::len), Some(4095));
}

#[test]
fn executables_are_split_as_koney_splits_them() {
    for (path, expected) in
        [("/usr/bin/cat", Some(("/usr/bin", "cat"))), ("/cat", Some(("/", "cat"))), ("sh", Some((".", "sh"))), ("", None)]
    {
        assert_eq!(split_path(path), expected);
    }
}

#[test]
fn every_type_of_trap_has_its_metadata() {
    let metadata = |alert: &Alert| {
        let event = rendered(alert);
        let (_, rest) = event.split_once(r#""koney.trap_type":"#).expect("the type");
        rest.split_once(r#","event.kind""#).expect("the next key").0.to_owned()
    };
    assert_eq!(
        metadata(&samples::http_endpoint()),
        concat!(
            r#""http_endpoint","koney.metadata.request_method":"GET","koney.metadata.request_host":"shop.example","#,
            r#""koney.metadata.request_path":"/admin/backup.sql","koney.metadata.client_address":"10.0.0.9""#
        )
    );
    assert_eq!(metadata(&samples::http_payload()), r#""http_payload","koney.metadata.request_path":"/login""#);
    assert_eq!(metadata(&samples::coverage()), r#""unknown""#);
    let event = value_of(&samples::http_endpoint());
    assert_eq!(event["finding.title"], "Koney alert triggered");
}

#[test]
fn what_the_policy_says_is_carried_and_wins() {
    let event = value_of(&samples::labelled());
    for (key, value) in [
        ("finding.severity", json!("CRITICAL")),
        ("dt.security.risk.score", json!(10.0)),
        ("koney.tags", json!(["team-a", "pci"])),
        ("threat.attack.technique.ids", json!(["T1552"])),
        ("threat.attack.subtechnique.ids", json!(["T1552.001"])),
        ("k8s.cluster.name", json!("prod-eu")),
        ("k8s.cluster.uid", json!("5c1e8f2a-0b7d-4e39-9a64-d3f1b2c4a5e6")),
    ] {
        assert_eq!(event[key], value, "{key}");
    }
}

#[test]
fn what_is_no_access_is_of_a_type_of_its_own() {
    let types = [
        (samples::coverage(), "KONEY_COVERAGE", "MEDIUM"),
        (Alert { purpose: Purpose::Heartbeat, ..samples::on_host() }, "KONEY_HEARTBEAT", "LOW"),
        (Alert { purpose: Purpose::Test, ..samples::on_host() }, "KONEY_TEST", "LOW"),
    ];
    for (alert, kind, severity) in types {
        let event = value_of(&alert);
        assert_eq!((&event["finding.type"], &event["finding.severity"]), (&json!(kind), &json!(severity)));
        assert_eq!(event.get("koney.operation"), None);
    }
}
