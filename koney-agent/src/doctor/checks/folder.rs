//! The manifest folder, where one was named: what of it would be in force.

use super::super::{
    facts::Facts,
    finding::{Finding, cause_and_remedy},
};
use crate::cluster::{Problem, ProblemSeverity, Snapshot};

/// Problems that are told one by one.
const TOLD: usize = 20;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    match &facts.manifests {
        None => Vec::new(),
        Some(Ok(snapshot)) => of_snapshot(snapshot),
        Some(Err(error)) => {
            let (cause, remedy) = cause_and_remedy(error);
            let remedy = remedy.unwrap_or("name another folder");
            vec![Finding::degraded("manifests", cause).costs("`run` does not start on it, nothing is watched").mended_by(remedy)]
        }
    }
}

fn of_snapshot(snapshot: &Snapshot) -> Vec<Finding> {
    let problems: Vec<_> = snapshot.problems.iter().filter(|problem| problem.severity != ProblemSeverity::Info).collect();
    let traps = snapshot.policies.iter().flat_map(|policy| &policy.traps);
    let (valid, watched) = traps.fold((0, 0), |(valid, watched), trap| (valid + 1, watched + usize::from(trap.watched)));
    let declared: usize = snapshot.policies.iter().map(|policy| policy.declared).sum();
    let counts = format!(
        "policies: {}; traps: {declared}, valid: {valid}, watched: {watched}; sinks: {}; problems: {}",
        snapshot.policies.len(),
        snapshot.sinks.len(),
        problems.len()
    );
    let summary = if watched == 0 {
        Finding::degraded("manifests", counts)
            .costs("nothing is watched")
            .mended_by("add a DeceptionPolicy with a filesystem honeytoken")
    } else if snapshot.sinks.is_empty() {
        Finding::ok("manifests", format!("{counts}; alerts go to standard output only"))
    } else {
        Finding::ok("manifests", counts)
    };
    let mut all = vec![summary];
    all.extend(problems.iter().take(TOLD).map(|problem| of_problem(problem)));
    if let Some(further) = problems.len().checked_sub(TOLD).filter(|further| *further > 0) {
        all.push(Finding::degraded("manifest", format!("{further} further problems")).mended_by("mend the ones above first"));
    }
    all
}

fn of_problem(problem: &Problem) -> Finding {
    let remedy = problem.remedy.as_str();
    let place = Problem { remedy: String::new(), ..problem.clone() };
    let cost = match problem.severity {
        ProblemSeverity::Error => "it is not in force",
        ProblemSeverity::Warning | ProblemSeverity::Info => "it is in force, and probably not as meant",
    };
    Finding::degraded("manifest", place.to_string()).costs(cost).mended_by(remedy)
}
