//! `match`: which workloads get a trap. Validated everywhere, evaluated only where there is a cluster.

use super::field::FieldPath;
use super::policy::{FilterSpec, LabelExpression, TrapSpec};
use super::selector::ContainerSelector;
use super::snapshot::Filter;
use super::text::quoted;
use super::validate::{Issue, error, warning};

/// What helps where a selector of containers cannot be read.
pub(super) const SELECTOR: &str = "correct it, or write the container's name";

/// The filters of a trap that are valid; `path` is that of `match`.
pub(super) fn compile(trap: &TrapSpec, path: &FieldPath, issues: &mut Vec<Issue>) -> Vec<Filter> {
    let Some(any) = trap.selection.as_ref().and_then(|selection| selection.any.as_ref()) else {
        issues.push(error(path.key("any"), "is required", "list at least one filter"));
        return Vec::new();
    };
    let path = path.key("any");
    if any.is_empty() {
        issues.push(warning(path.clone(), "is empty: in a cluster it selects nothing", "list at least one filter"));
    }
    any.iter().enumerate().filter_map(|(index, filter)| one_filter(filter, &path.index(index), issues)).collect()
}

fn one_filter(filter: &FilterSpec, path: &FieldPath, issues: &mut Vec<Issue>) -> Option<Filter> {
    let path = path.key("resources");
    let resources = filter.resources.clone().unwrap_or_default();
    let labels = resources.selector.unwrap_or_default();
    if resources.namespaces.is_empty() && labels.match_labels.is_empty() && labels.match_expressions.is_empty() {
        issues.push(error(path, "selects everything", "name at least one namespace or one label"));
        return None;
    }
    let expressions = path.key("selector").key("matchExpressions");
    for (index, expression) in labels.match_expressions.iter().enumerate() {
        issues.extend(label_expression(expression, &expressions.index(index)));
    }
    let field = path.key("containerSelector");
    if resources.container_selector == "*" {
        issues.push(warning(field.clone(), "selects a container named *", "write glob:* to select all containers"));
    }
    match ContainerSelector::new(&resources.container_selector) {
        Ok(containers) => Some(Filter { namespaces: resources.namespaces, labels, containers }),
        Err(cause) => {
            let reason = format!("{} {cause}", quoted(&resources.container_selector));
            issues.push(error(field, reason, SELECTOR));
            None
        }
    }
}

fn label_expression(expression: &LabelExpression, path: &FieldPath) -> Option<Issue> {
    let values = path.key("values");
    match expression.operator.as_str() {
        "In" | "NotIn" if expression.values.is_empty() => {
            Some(error(values, format!("is required with {}", expression.operator), "list at least one value"))
        }
        "Exists" | "DoesNotExist" if !expression.values.is_empty() => {
            Some(error(values, format!("must be empty with {}", expression.operator), "remove the values"))
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" => None,
        other => Some(error(
            path.key("operator"),
            format!("unknown operator {}, expected one of In, NotIn, Exists, DoesNotExist", quoted(other)),
            "use one of these",
        )),
    }
}
