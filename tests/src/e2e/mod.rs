//! The whole story on a real cluster: install, watch, touch, tell, rotate, restart the agents and the node,
//! uninstall. By `kubectl`, as a person would.

mod kubectl;
mod manifest;
mod objects;
mod story;

pub use kubectl::Kubectl;
pub use story::{Plot, Told, tell};
