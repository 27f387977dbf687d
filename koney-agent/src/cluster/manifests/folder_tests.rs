//! What a folder says the first time it is read.

use std::os::unix::fs::symlink;
use std::{fs, path::Path};

use secrecy::ExposeSecret as _;

use super::super::policy::{CaptorStrategy, DecoyStrategy};
use super::super::secret::Secret;
use super::super::sink::Severity;
use super::super::snapshot::{SecretState, Snapshot};
use super::fixture::{Folder, NAMESPACE, SECRET, SERVICE_TOKEN, SINK, policy};
use super::folder::{read, read_files};

fn value(secret: &Secret, key: &str) -> String {
    let bytes = secret.get(key).expect("the key is there").expose_secret().to_vec();
    String::from_utf8(bytes).expect("text")
}

#[test]
fn the_files_of_a_koney_user_are_in_force_as_they_are() {
    let mut folder = Folder::new();
    folder.write("all.yaml", format!("# demo\n---\n{SERVICE_TOKEN}---\n{SINK}---\n{SECRET}"));
    let snapshot = folder.read();
    let trap = &snapshot.policies[0].traps[0];
    assert_eq!(trap.file_path, "/run/secrets/koney/service_token");
    assert_eq!((trap.decoy, trap.captor, trap.watched), (DecoyStrategy::ContainerExec, CaptorStrategy::Tetragon, true));
    let sink = &snapshot.sinks[0];
    assert_eq!(sink.spec.dynatrace.as_ref().map(|spec| (spec.severity, spec.allow_http)), Some((Severity::Critical, false)));
    let SecretState::Found(secret) = &sink.secret else { panic!("{:?}", sink.secret) };
    assert_eq!(value(secret, "apiToken"), "dt0c01.ABC");
    assert!(!format!("{snapshot:?}").contains("dt0c01"));
    assert_eq!(
        folder.problems(),
        ["all.yaml:23: DeceptionPolicy/service-token spec.traps[0].match.any[0].resources.containerSelector: \
          selects a container named *; write glob:* to select all containers"]
    );
}

#[test]
fn lists_and_json_are_read() {
    let mut folder = Folder::new();
    let item = |name: &str, path: &str| {
        format!(
            r#"{{"apiVersion": "research.dynatrace.com/v1alpha1", "kind": "DeceptionPolicy", "metadata": {{"name": "{name}"}},
  "spec": {{"traps": [{{"filesystemHoneytoken": {{"filePath": "{path}"}},
    "match": {{"any": [{{"resources": {{"namespaces": ["a"]}}}}]}}}}]}}}}"#
        )
    };
    let text = format!(
        "{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [\n{},\n{}\n]}}\n",
        item("one", "/one"),
        item("two", "two")
    );
    folder.write("list.json", text).read();
    assert_eq!(folder.traps(), ["one:/one"]);
    assert_eq!(
        folder.problems(),
        [
            r#"list.json:6: DeceptionPolicy/two items[1].spec.traps[0].filesystemHoneytoken.filePath: must be absolute, got "two"; write it with a leading /"#
        ]
    );
}

#[test]
fn string_data_wins_over_data() {
    let mut folder = Folder::new();
    folder
        .write("s.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata:\n  a: YQ==\n  b: Yg==\nstringData:\n  b: B\n");
    let snapshot = folder.read();
    let secret = &snapshot.secrets[0];
    assert_eq!((value(secret, "a"), value(secret, "b")), ("a".to_owned(), "B".to_owned()));
    assert_eq!(secret.namespace, NAMESPACE);
}

#[test]
fn strict_policies_fall_as_a_whole_and_lenient_ones_in_part() {
    let mut folder = Folder::new();
    let mixed = policy("p", &["/good", "bad"]);
    folder.write("a.yaml", &mixed).read();
    assert!(folder.traps().is_empty());
    assert_eq!(folder.last.policies[0].declared, 2);
    folder.write("a.yaml", mixed.replace("spec:\n", "spec:\n  strictValidation: no\n")).read();
    assert_eq!(folder.traps(), ["p:/good"]);
}

#[test]
fn the_rest_of_a_broken_file_and_of_the_folder_is_in_force() {
    let mut folder = Folder::new();
    folder.write("a.yaml", format!("{}---\nkind: [\n---\n{}", policy("one", &["/1"]), policy("two", &["/2"])));
    folder.write("b.yaml", b"# caf\xe9\n".as_slice());
    folder.write("c.yml", policy("three", &["/3"]));
    folder.write("d.yaml", "#".repeat(1 << 20) + "#");
    folder.write("e.txt", "kind: [").write(".hidden.yaml", "kind: [");
    fs::create_dir(folder.path().join("f.yaml")).expect("the folder is writable");
    folder.read();
    assert_eq!(folder.traps(), ["one:/1", "three:/3", "two:/2"]);
    let problems = folder.problems();
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[0].starts_with("a.yaml:12: is not valid YAML ("), "{}", problems[0]);
    assert_eq!(problems[1], "b.yaml:1: is not UTF-8; save it as UTF-8");
    assert_eq!(problems[2], "d.yaml: is larger than 1048576 bytes; split it into several files");
}

#[test]
fn the_first_of_two_objects_with_one_name_wins() {
    let mut folder = Folder::new();
    folder.write("b.yaml", policy("p", &["/b"])).write("a.yaml", format!("---\n{}", policy("p", &["/a"])));
    folder.read();
    assert_eq!(folder.traps(), ["p:/a"]);
    assert_eq!(folder.problems(), ["b.yaml:1: DeceptionPolicy/p: is ignored: a.yaml:2 defines it already; remove one of them"]);
}

#[test]
fn other_namespaces_and_kinds_are_ignored_with_a_message() {
    let mut folder = Folder::new();
    folder.write("a.yaml", SINK.replace("koney-system", "default"));
    folder.write("b.yaml", SECRET.replace("koney-system", "default"));
    folder.write("c.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: x }\n");
    let snapshot = folder.read();
    assert!(snapshot.sinks.is_empty() && snapshot.secrets.is_empty());
    assert_eq!(
        folder.problems(),
        [
            "a.yaml:5: DeceptionAlertSink/default/dynatrace metadata.namespace: is ignored: it is not in the agent's \
             namespace \"koney-system\"; move it there if it is meant for koney",
            "b.yaml:5: Secret/default/dynatrace-api metadata.namespace: is ignored: it is not in the agent's \
             namespace \"koney-system\"; move it there if it is meant for koney",
            "c.yaml:2: kind: \"Deployment\" is ignored: it is no policy, sink or Secret",
        ]
    );
}

#[test]
fn a_sink_without_its_secret_says_so() {
    let mut folder = Folder::new();
    folder.write("a.yaml", SINK);
    assert_eq!(folder.read().sinks[0].secret, SecretState::Missing("dynatrace-api".to_owned()));
    assert_eq!(
        folder.problems(),
        ["a.yaml:8: DeceptionAlertSink/koney-system/dynatrace spec.dynatrace.secretName: there is no Secret \
          \"dynatrace-api\" in the agent's namespace; add it to the folder"]
    );
}

#[test]
fn nulls_and_empty_documents_count_as_absent() {
    let text = SERVICE_TOKEN.replace("strategy: tetragon", "strategy:").replace("'*'", "");
    let mut folder = Folder::new();
    folder.write("a.yaml", format!("---\n# nothing\n---\n{text}      httpEndpoint: {{}}\n      httpPayload:\n---\n"));
    folder.read();
    assert_eq!(folder.problems(), Vec::<String>::new());
    assert_eq!(folder.last.policies[0].traps[0].captor, CaptorStrategy::Tetragon);
}

#[test]
fn links_are_followed_and_dead_ones_named() {
    let mut folder = Folder::new();
    folder.write(".real", policy("p", &["/p"]));
    symlink(".real", folder.path().join("a.yaml")).expect("the folder is writable");
    symlink("gone", folder.path().join("b.yaml")).expect("the folder is writable");
    folder.read();
    assert_eq!(folder.traps(), ["p:/p"]);
    assert_eq!(
        folder.problems(),
        ["b.yaml: cannot be read (No such file or directory (os error 2)); restore the file that it links to, or remove it"]
    );
}

#[test]
fn a_missing_folder_is_an_error_that_names_it() {
    let error = read(Path::new("/no/such/folder"), NAMESPACE, &Snapshot::default()).expect_err("there is none");
    assert_eq!(
        error.to_string(),
        "cannot read the manifest folder /no/such/folder: No such file or directory (os error 2); create it, or name another one"
    );
}

#[test]
fn single_files_are_read_under_their_own_names() {
    let mut folder = Folder::new();
    folder.write("a.yaml", SERVICE_TOKEN);
    let gone = folder.path().join("gone.yaml");
    let snapshot = read_files(&[folder.path().join("a.yaml"), gone.clone()], NAMESPACE);
    assert_eq!(snapshot.policies.len(), 1);
    assert_eq!(snapshot.problems.last().map(|problem| problem.file.clone()), Some(gone));
}
