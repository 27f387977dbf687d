//! The definitions of the resources, as a cluster is given them.

use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::{policy::DeceptionPolicy, sink::DeceptionAlertSink};

/// Each definition with the plural name of its resource.
///
/// What Koney accepts is accepted: there an object may be without a `spec`, which then selects nothing.
#[must_use]
pub fn definitions() -> Vec<(&'static str, Value)> {
    let policies = "Honeytokens: files that nobody has a reason to open, and the workloads that get them.";
    let sinks = "Where alerts about honeytokens are sent. Only those in koney's own namespace count.";
    [("deceptionpolicies", DeceptionPolicy::crd(), policies), ("deceptionalertsinks", DeceptionAlertSink::crd(), sinks)]
        .map(|(plural, crd, about)| (plural, widened(serde_json::to_value(crd).expect("a definition is JSON"), about)))
        .to_vec()
}

fn widened(mut crd: Value, about: &str) -> Value {
    let versions = crd.pointer_mut("/spec/versions").and_then(Value::as_array_mut);
    for version in versions.into_iter().flatten() {
        if let Some(schema) = version.pointer_mut("/schema/openAPIV3Schema").and_then(Value::as_object_mut) {
            schema.remove("required");
            schema.insert("description".to_owned(), about.into());
        }
    }
    if let Some(metadata) = crd.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("labels".to_owned(), json!({ "app.kubernetes.io/name": "koney", "app.kubernetes.io/part-of": "koney" }));
    }
    crd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_are_there_with_a_status_and_without_a_required_spec() {
        let all = definitions();
        for (plural, crd) in &all {
            assert_eq!(crd["metadata"]["name"], format!("{plural}.research.dynatrace.com"));
            let version = &crd["spec"]["versions"][0];
            assert_eq!(version["subresources"], json!({ "status": {} }), "{plural}");
            assert_eq!(version["schema"]["openAPIV3Schema"].get("required"), None, "{plural}");
            let columns = version["additionalPrinterColumns"].as_array().expect("columns");
            let shown = columns.iter().filter(|column| column.get("priority").is_none()).count();
            assert!((4..=6).contains(&shown), "{plural}: they must fit beside the name");
            let paths = columns.iter().filter_map(|column| column["jsonPath"].as_str());
            // Addresses may hold tokens.
            let is_harmless =
                |path: &str| ["secretName", "severity"].iter().any(|field| path.ends_with(field)) || !path.starts_with(".spec");
            assert!(paths.into_iter().all(is_harmless), "{plural}");
        }
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].1["spec"]["names"]["shortNames"], json!(["dp"]));
    }
}
