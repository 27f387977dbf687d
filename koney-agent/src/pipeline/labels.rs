//! From what policies say about their alerts to what alerts carry.

use std::{collections::HashMap, sync::Arc};

use crate::{
    alert::{self, Labels},
    cluster::{Policy, Severity},
};

/// By the policies' names; only those that say something.
pub(super) type OfPolicies = HashMap<String, Arc<Labels>>;

pub(super) fn of_policies(policies: &[Policy]) -> OfPolicies {
    let labels = policies.iter().map(|policy| {
        let said = &policy.labels;
        let (tags, techniques) = (said.tags.clone(), said.techniques.clone());
        (policy.name.clone(), Labels { severity: said.severity.map(severity), tags, techniques })
    });
    labels.filter(|(_, labels)| *labels != Labels::default()).map(|(name, labels)| (name, Arc::new(labels))).collect()
}

/// The word of a resource.
pub(super) const fn severity(severity: Severity) -> alert::Severity {
    match severity {
        Severity::Critical => alert::Severity::Critical,
        Severity::High => alert::Severity::High,
        Severity::Medium => alert::Severity::Medium,
        Severity::Low => alert::Severity::Low,
    }
}
