//! Which alerts a sink takes.

use std::collections::BTreeSet;

use crate::alert::{Alert, Purpose, Severity};

/// What a resource asks for; by default everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Names of policies; empty for all of them.
    pub policies: BTreeSet<String>,
    /// The severities; none for all of them.
    pub severities: Option<BTreeSet<Severity>>,
    /// Gaps in coverage too. They belong to no policy and are not asked for one.
    pub coverage: bool,
    /// Severity of alerts whose policy names none.
    pub severity: Severity,
}

impl Default for Filter {
    fn default() -> Self {
        Self { policies: BTreeSet::new(), severities: None, coverage: true, severity: Severity::default() }
    }
}

impl Filter {
    /// Whether the alert is for this sink.
    #[must_use]
    pub fn takes(&self, alert: &Alert) -> bool {
        match alert.purpose {
            Purpose::Alert if alert.gap.is_some() => return self.coverage,
            Purpose::Alert => {}
            // Meant for this sink: whoever sends it has asked for it.
            Purpose::Heartbeat | Purpose::Test => return true,
        }
        let policy = self.policies.is_empty() || alert.policy.as_ref().is_some_and(|policy| self.policies.contains(policy));
        policy && self.severities.as_ref().is_none_or(|severities| severities.contains(&alert.severity(self.severity)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Gap, GapCause, samples};

    fn gap() -> Alert {
        Alert { gap: Some(Gap { cause: GapCause::Blind, count: 1 }), policy: None, ..samples::on_host() }
    }

    #[test]
    fn takes_everything_unless_told() {
        let filter = Filter::default();
        assert!(filter.takes(&samples::in_pod()) && filter.takes(&gap()));
        assert!(filter.takes(&Alert { policy: None, ..samples::in_pod() }));
    }

    #[test]
    fn policies_are_named_exactly() {
        let only = |name: &str| Filter { policies: [name.to_owned()].into(), ..Filter::default() };
        assert!(only("deceptionpolicy-servicetoken").takes(&samples::in_pod()));
        assert!(!only("deceptionpolicy").takes(&samples::in_pod()));
        assert!(!only("deceptionpolicy").takes(&Alert { policy: None, ..samples::in_pod() }));
        assert!(only("deceptionpolicy").takes(&gap()));
    }

    #[test]
    fn severities_are_the_sinks_own_where_the_policy_has_none() {
        let filter = Filter { severities: Some([Severity::Critical].into()), ..Filter::default() };
        assert!(!filter.takes(&samples::in_pod()));
        assert!(filter.takes(&samples::labelled()));
        assert!(Filter { severity: Severity::Critical, ..filter }.takes(&samples::in_pod()));
    }

    #[test]
    fn gaps_are_taken_or_left() {
        assert!(!Filter { coverage: false, ..Filter::default() }.takes(&gap()));
    }
}
