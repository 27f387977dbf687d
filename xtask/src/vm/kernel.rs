//! Test kernels in koney's cache, and the machines that boot them.

use std::{
    cmp::Ordering,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{arch::Arch, exit::Exit, workspace};

/// The series that are tried with koney; others are fetched too if the mirror has them.
pub(crate) const KNOWN: [&str; 4] = ["5.10", "6.1", "6.12", "7.3"];

/// A machine type that can boot a kernel of one architecture.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) qemu: &'static str,
    pub(crate) qemu_package: &'static str,
    pub(crate) qemu_args: &'static [&'static str],
    pub(crate) console: &'static str,
}

impl Machine {
    /// The machine for an architecture.
    pub(crate) fn of(arch: Arch) -> Self {
        match arch {
            Arch::Amd64 => Self {
                qemu: "qemu-system-x86_64",
                qemu_package: "qemu-system-x86",
                qemu_args: &["-M", "q35", "-cpu", "max"],
                console: "ttyS0",
            },
            Arch::Arm64 => Self {
                qemu: "qemu-system-aarch64",
                qemu_package: "qemu-system-arm",
                qemu_args: &["-M", "virt", "-cpu", "cortex-a57"],
                console: "ttyAMA0",
            },
        }
    }
}

/// An unpacked kernel.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    pub(crate) image: PathBuf,
    /// The folder of its modules.
    pub(crate) modules: PathBuf,
    /// What it was built with, where the packages say it.
    pub(crate) config: Option<PathBuf>,
}

/// The folder of all kernels of all architectures.
pub(crate) fn store() -> Result<PathBuf> {
    Ok(workspace::cache()?.join("kernels"))
}

/// The folder of one series.
pub(crate) fn folder(arch: Arch, series: &str) -> Result<PathBuf> {
    Ok(store()?.join(arch.debian()).join(series))
}

/// The kernel of a series, if it was fetched.
pub(crate) fn installed(arch: Arch, series: &str) -> Result<Option<Kernel>> {
    let root = folder(arch, series)?;
    let Ok(release) = fs::read_to_string(root.join("version")) else {
        return Ok(None);
    };
    let release = release.trim();
    let first = |places: [String; 2]| places.into_iter().map(|place| root.join(place)).find(|path| path.exists());
    let image = first([format!("boot/vmlinuz-{release}"), format!("usr/lib/modules/{release}/vmlinuz")]);
    let modules = first([format!("usr/lib/modules/{release}"), format!("lib/modules/{release}")]);
    let config = first([format!("boot/config-{release}"), format!("usr/lib/modules/{release}/config")]);
    Ok(image.zip(modules).map(|(image, modules)| Kernel { image, modules, config }))
}

/// The kernel of a series that setup has fetched.
pub(crate) fn get(arch: Arch, series: &str) -> Result<Kernel> {
    installed(arch, series)?.with_context(|| {
        let arch = arch.debian();
        format!("kernel {series} for {arch} is not there: run cargo xtask vm --arch {arch} --kernel {series} -- uname -r")
    })
}

/// The series that a command line names, `all` standing for every known one.
pub(crate) fn select(names: &[String]) -> Result<Vec<String>> {
    let mut series: Vec<String> = Vec::new();
    for name in names {
        let more = if name == "all" { KNOWN.to_vec() } else { vec![name.as_str()] };
        for name in more {
            let valid = name.split_once('.').is_some_and(|(major, minor)| {
                [major, minor].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
            });
            if !valid {
                let known = KNOWN.join(", ");
                return Err(Exit::usage(format!("{name:?} is no kernel series: expected one like {known}, or all")).into());
            }
            if !series.iter().any(|have| have == name) {
                series.push(name.to_owned());
            }
        }
    }
    Ok(series)
}

/// The suites that carry what is newer than a release, and what is left over there.
pub(crate) const OTHER_SUITES: &[&str] = &["bookworm-backports", "trixie-backports", "forky"];

/// The Debian suites that carry a series.
pub(crate) fn suites(series: &str) -> &'static [&'static str] {
    match series {
        "5.10" => &["bullseye", "bullseye-security"],
        "6.1" => &["bookworm", "bookworm-security"],
        "6.12" => &["trixie", "trixie-security"],
        _ => OTHER_SUITES,
    }
}

/// Whether the modules of this kernel lie compressed.
pub(crate) fn is_compressed(module: &Path) -> bool {
    module.extension().is_some_and(|extension| extension == "xz")
}

/// Compares versions as people do: runs of digits by their value, the rest by letter.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (text_a, text_b) = (take(&mut a, |byte| !byte.is_ascii_digit()), take(&mut b, |byte| !byte.is_ascii_digit()));
        let (digits_a, digits_b) = (take(&mut a, u8::is_ascii_digit), take(&mut b, u8::is_ascii_digit));
        let (value_a, value_b) = (significant(digits_a), significant(digits_b));
        let order = text_a.cmp(text_b).then(value_a.len().cmp(&value_b.len())).then(value_a.cmp(value_b));
        if order.is_ne() || (a.is_empty() && b.is_empty()) {
            return order;
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], wanted: impl Fn(&u8) -> bool) -> &'a [u8] {
    let end = rest.iter().position(|byte| !wanted(byte)).unwrap_or(rest.len());
    let (taken, left) = rest.split_at(end);
    *rest = left;
    taken
}

fn significant(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_by_their_numbers() {
        let mut versions = ["6.1.0-56", "6.1.0-9", "6.12.117+deb13", "6.12.9+deb13", "6.1.0-056a", "5.10.0-46"];
        versions.sort_by(|a, b| compare(a, b));
        let sorted = ["5.10.0-46", "6.1.0-9", "6.1.0-56", "6.1.0-056a", "6.12.9+deb13", "6.12.117+deb13"];
        assert_eq!(versions, sorted);
        assert_eq!(compare("6.1", "6.1"), Ordering::Equal);
    }

    #[test]
    fn a_series_is_two_numbers_and_all_is_every_known_one() {
        let select = |names: &[&str]| select(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(select(&["6.1", "all"]).expect("valid"), ["6.1", "5.10", "6.12", "7.3"]);
        for wrong in ["", "6", "6.", "6.1.2", "../x", "six.one"] {
            assert!(select(&[wrong]).is_err(), "{wrong}");
        }
    }
}
