//! In which kernels the tests run.

use crate::cli::Variant;

/// Each kernel with the ways in which koney is attached to it.
pub(crate) const MATRIX: [(&str, Variant); 6] = [
    ("5.10", Variant::LsmWithBpf),
    ("6.1", Variant::Default),
    ("6.12", Variant::Default),
    ("6.12", Variant::LsmWithoutBpf),
    ("6.12", Variant::PreemptFull),
    ("7.3", Variant::Default),
];

/// The kernel series of the matrix, each once.
pub(crate) fn kernels() -> Vec<String> {
    let mut series: Vec<String> = Vec::new();
    for (name, _) in MATRIX {
        if !series.iter().any(|have| have == name) {
            series.push(name.to_owned());
        }
    }
    series
}
