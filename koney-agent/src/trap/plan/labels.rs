//! A label selector against labels, as Kubernetes does it (`k8s.io/apimachinery/pkg/labels/selector.go`, `Requirement.Matches`).

use std::collections::BTreeMap;

use crate::cluster::{LabelExpression, LabelSelector};

/// All requirements hold; an empty selector has none.
pub(super) fn match_all(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let exact = selector.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value));
    exact && selector.match_expressions.iter().all(|expression| holds(expression, labels))
}

fn holds(expression: &LabelExpression, labels: &BTreeMap<String, String>) -> bool {
    let value = labels.get(&expression.key);
    match expression.operator.as_str() {
        "In" => value.is_some_and(|value| expression.values.contains(value)),
        // A label that is not there is not in any set.
        "NotIn" => value.is_none_or(|value| !expression.values.contains(value)),
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        // Validation lets no other through.
        _ => false,
    }
}
