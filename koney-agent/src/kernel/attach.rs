//! Which method counts: the first that is seen to fire.

use std::time::{Duration, Instant};

use koney_common::{Record, record::RECORD_LEN};

use super::{
    arm::Armory,
    canary::{self, Canary},
    environment::Environment,
    error::{Attempt, Attempts, KernelError},
    gate::AgentId,
    hook::HookFailure,
    load::Programs,
    method::{self, Choice, Method},
    ring::Ring,
};

/// How long the canary's record may take.
pub const CANARY_DEADLINE: Duration = Duration::from_secs(1);

/// What holds, and what does not.
pub(super) struct Attached {
    pub(super) method: Method,
    pub(super) failed: Attempts,
    pub(super) unwatched: Vec<HookFailure>,
    /// The agent itself, as the canary's record tells it.
    pub(super) agent: AgentId,
}

/// Attaches the first method whose canary comes back; the others are told with what came of them.
pub(super) fn attach_first(
    choice: Choice,
    environment: &Environment,
    programs: &mut Programs,
    armory: &Armory,
    canary: &Canary,
    ring: &mut Ring,
    mut each: impl FnMut(&[u8]),
) -> Result<Attached, KernelError> {
    let mut failed = method::left_out(choice, environment);
    for method in method::order(choice, environment) {
        let attached = programs.attach(method);
        match attached.and_then(|unwatched| Ok((unwatched, fires(armory, canary, ring, &mut each)?))) {
            Ok((unwatched, agent)) => {
                programs.settle();
                return Ok(Attached { method, failed, unwatched, agent });
            }
            Err(reason) => {
                programs.detach();
                failed.0.push(Attempt { method, reason });
            }
        }
    }
    Err(KernelError::NoMethod(failed))
}

/// A method counts only when it has fired: loading and attaching succeed on kernels that never call the program.
fn fires(armory: &Armory, canary: &Canary, ring: &mut Ring, each: &mut impl FnMut(&[u8])) -> Result<AgentId, String> {
    canary.arm(armory).map_err(|error| format!("attached, but the canary {error}"))?;
    canary.touch().map_err(|error| format!("the canary cannot be opened: {error}"))?;
    let started = Instant::now();
    let mut seen = None;
    while started.elapsed() < CANARY_DEADLINE {
        ring.drain(usize::MAX, |record| {
            if trap_of(record).is_some_and(canary::is_canary) {
                seen = agent(record);
            } else {
                each(record);
            }
        });
        ring.publish();
        if let Some(agent) = seen {
            return Ok(agent);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Err("attached, but the canary's record did not arrive".to_owned())
}

/// Who touched the canary.
fn agent(record: &[u8]) -> Option<AgentId> {
    let (pid, start) = (std::mem::offset_of!(Record, init_pid), std::mem::offset_of!(Record, start_time_ns));
    Some(AgentId {
        init_pid: u32::from_ne_bytes(record.get(pid..pid + 4)?.try_into().ok()?),
        start_ns: u64::from_ne_bytes(record.get(start..start + 8)?.try_into().ok()?),
    })
}

fn trap_of(record: &[u8]) -> Option<u32> {
    if record.len() != RECORD_LEN {
        return None;
    }
    let start = std::mem::offset_of!(Record, trap);
    Some(u32::from_ne_bytes(record.get(start..start + 4)?.try_into().ok()?))
}
