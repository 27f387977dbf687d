//! In which kernels the tests run.

use crate::{bench::BUDGET_KERNEL, cli::Variant};

/// Which of the kernel tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All of them.
    All,
    /// What kernels differ in.
    Detection,
    /// What the agent makes of a cluster, where kernels differ in their cgroups only.
    Cluster,
    /// None of them: what an open costs is counted instead.
    Budget,
}

/// Each kernel with the ways in which koney is attached to it. The longest first: two run side by side.
pub(crate) const MATRIX: [(&str, Variant, Part); 8] = [
    ("5.10", Variant::LsmWithBpf, Part::All),
    ("6.12", Variant::Default, Part::All),
    ("6.1", Variant::Default, Part::Detection),
    ("6.12", Variant::LsmWithoutBpf, Part::Detection),
    ("6.12", Variant::PreemptFull, Part::Detection),
    ("7.3", Variant::Default, Part::Detection),
    (BUDGET_KERNEL, Variant::Default, Part::Budget),
    ("6.1", Variant::CgroupV1, Part::Cluster),
];

impl Part {
    /// Whether a test program, by its target's name, is of this part.
    pub(crate) fn has(self, target: &str) -> bool {
        let cluster = target.starts_with("cluster_");
        match self {
            Self::All => true,
            Self::Detection => !cluster,
            Self::Cluster => cluster,
            Self::Budget => false,
        }
    }
}

/// The kernel series of the matrix, each once.
pub(crate) fn kernels() -> Vec<String> {
    let mut series: Vec<String> = Vec::new();
    for (name, _, _) in MATRIX {
        if !series.iter().any(|have| have == name) {
            series.push(name.to_owned());
        }
    }
    series
}
