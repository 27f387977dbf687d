//! The koney node agent: notices in the kernel that someone touched a honeytoken, says who it was, and delivers the alert.
//!
//! Each module is a room of ARCHITECTURE.md with one job; only the pipeline knows them all.

pub mod admin;
pub mod alert;
pub mod cluster;
pub mod doctor;
pub mod event;
pub mod journal;
pub mod kernel;
pub mod logs;
pub mod pipeline;
pub mod sink;
pub mod trap;
pub mod workload;

#[cfg(test)]
mod catalogue;
mod causes;
mod lock;
pub mod plain;

#[cfg(test)]
mod properties;
