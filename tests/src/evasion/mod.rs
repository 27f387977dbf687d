//! The evasion suite: every numbered way around a trap, tried with real system calls in the running kernel, by one attach method.

mod agents;
mod attach;
mod busy;
mod check;
mod compare;
mod crowd;
mod mounts;
mod names;
mod opening;
mod perl;
mod places;
mod process;
mod remade;
mod run;
mod scenario;
mod scene;
mod tampering;
mod told;
mod trial;
mod want;

pub use attach::Attach;
pub use run::Run;
pub use scenario::{Row, Scenario};
pub use scene::Scene;
pub use told::Told;
pub use trial::Trial;
pub use want::{Trap, Want};

/// All scenarios, in the order in which they are played.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        names::ALL,
        mounts::ALL,
        tampering::ALL,
        remade::ALL,
        opening::ALL,
        places::ALL,
        process::ALL,
        crowd::ALL,
        busy::ALL,
        // They start detectors of their own, which takes long.
        agents::ALL,
    ]
    .into_iter()
    .flatten()
}
