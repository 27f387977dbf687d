//! Where this agent's queues are, and what becomes of those of others.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{task::block_in_place, time::interval};
use tracing::{error, info, warn};

use super::Shared;
use crate::sink::Claim;

/// In the agent's folder.
const QUEUES: &str = "queue";
/// Between two looks, in which agents may have ended.
const LOOK: Duration = Duration::from_mins(1);
/// Looks between two sweeps.
const SWEEP: u64 = 60;

/// The folder of this agent's queues.
pub(super) fn claim(state: &Path) -> Option<Claim> {
    let root = state.join(QUEUES);
    let claim = Claim::new(&root).and_then(|claim| claim.adopt().map(|_files| claim));
    claim.inspect_err(|error| {
        error!(folder = %root.display(), %error, "alerts that wait are in memory only, and lost with the agent; make the folder writable");
    }).ok()
}

/// Agents that end later leave their queues to this one. Queues of sinks that are gone are removed, an hour later at the least.
pub(super) async fn adopt(claim: Arc<Claim>, shared: Arc<Shared>) {
    let mut minute = interval(LOOK);
    for passed in 0_u64.. {
        minute.tick().await;
        // A sink whose resource is wrong is not at work either, and may be mended.
        if passed % SWEEP == SWEEP - 1 && shared.health.is_ready() && shared.is_free_of_errors() {
            match block_in_place(|| shared.sinks.sweep()) {
                Ok(removed) if removed.is_empty() => {}
                Ok(removed) => info!(files = removed.len(), "queues of sinks that are gone were removed"),
                Err(error) => warn!(%error, "queues of sinks that are gone cannot be removed; trying again"),
            }
        }
        match block_in_place(|| claim.adopt()) {
            Ok(0) => {}
            Ok(files) => info!(files, "an agent that has ended left queues; what is in them is delivered by this one"),
            Err(error) => warn!(%error, "what an agent has left cannot be taken over; trying again"),
        }
    }
}
