//! Real containers: an overlay of an image, a cgroup, namespaces, a root of their own, and a first process that lives.

mod cgroup;
mod disk;
mod docker;
mod image;
mod oci;
mod place;
mod process;
mod start;

pub use disk::{Disk, Kind};
pub use docker::Docker;
pub use image::{BIN, Image, Images, program};
pub use place::{ContainerRef, Place};
pub use process::{Process, Spawn, intruder};
pub use start::{Container, Runtime, Setup, Volume};
