//! The findings together, and what they come to.

use serde::Serialize;

use super::{
    checks,
    facts::Facts,
    finding::{Finding, Status, Weight},
    text,
};
use crate::plain::line;

/// What all findings together come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Detection is possible, and nothing is lost.
    Full,
    /// Detection is possible, and something is lost.
    Degraded,
    /// Detection is not possible on this machine.
    Impossible,
    /// Detection is not possible with what this process may do.
    NoPrivilege,
}

/// The whole answer.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    attach: Option<&'static str>,
    findings: Vec<Finding>,
}

impl Report {
    /// Draws the findings from the facts.
    #[must_use]
    pub fn new(facts: &Facts) -> Self {
        let findings = checks::findings(facts);
        Self { verdict: verdict(&findings), attach: facts.used(), findings }
    }

    /// What it comes to.
    #[must_use]
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// All findings.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// An aligned table and the verdict, for people.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}", text::table(&self.findings), line(&self.summary()))
    }

    /// One object, for programs.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("findings are text under text keys")
    }

    fn summary(&self) -> String {
        let of = |wanted: &dyn Fn(&Finding) -> bool| {
            let mut names: Vec<_> = self.findings.iter().filter(|finding| wanted(finding)).map(|f| f.check.as_str()).collect();
            names.dedup();
            names.join(", ")
        };
        let method = self.attach.unwrap_or("nothing");
        match self.verdict {
            Verdict::Full => format!("detection is possible in full; `run --attach auto` uses {method}"),
            Verdict::Degraded => {
                format!("detection is possible but degraded, see: {}; `run --attach auto` uses {method}", of(&degrades))
            }
            Verdict::Impossible => format!("detection is not possible here, see: {}", of(&prevents)),
            Verdict::NoPrivilege => format!("detection is not possible with this privilege, see: {}", of(&forbids)),
        }
    }
}

fn verdict(findings: &[Finding]) -> Verdict {
    if findings.iter().any(prevents) {
        if findings.iter().any(forbids) { Verdict::NoPrivilege } else { Verdict::Impossible }
    } else if findings.iter().any(degrades) {
        Verdict::Degraded
    } else {
        Verdict::Full
    }
}

fn degrades(finding: &Finding) -> bool {
    finding.status == Status::Degraded && finding.weight != Weight::Alternative
}

fn prevents(finding: &Finding) -> bool {
    finding.status == Status::Missing && finding.weight == Weight::Essential
}

fn forbids(finding: &Finding) -> bool {
    finding.status == Status::Missing && finding.weight == Weight::Privilege
}
