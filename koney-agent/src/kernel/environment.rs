//! What this kernel is and what it lets the agent do.

use std::{fs, path::Path};

use super::error::KernelError;

/// Facts read once at start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// `uname -r`.
    pub release: String,
    /// `bpf` is in `/sys/kernel/security/lsm`: LSM programs fire. Elsewhere they load and attach and never run. `None` where the
    /// list cannot be read, as in a container without securityfs.
    pub bpf_lsm: Option<bool>,
    /// Whether a task can be preempted inside a program.
    pub preemption: Preemption,
}

/// Kernel preemption, as far as BPF programs are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preemption {
    /// `none` or `voluntary`.
    None,
    /// `full`, `lazy` or RT.
    Full,
    /// The kernel did not say.
    Unknown,
}

/// `CAP_PERFMON` and `CAP_BPF` (`include/uapi/linux/capability.h`), and the one that includes them.
const CAPABILITIES: [(u32, &str); 2] = [(38, "CAP_PERFMON"), (39, "CAP_BPF")];
const CAP_SYS_ADMIN: u32 = 21;

impl Environment {
    /// Reads `/proc` and `/sys`; what cannot be read counts as absent.
    #[must_use]
    pub fn read() -> Self {
        let uname = rustix::system::uname();
        let version = uname.version().to_string_lossy().into_owned();
        let modes = fs::read_to_string("/sys/kernel/debug/sched/preempt").ok();
        let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
        let release = uname.release().to_string_lossy().into_owned();
        let config = fs::read_to_string(Path::new("/boot").join(format!("config-{release}"))).ok();
        Self {
            bpf_lsm: fs::read_to_string("/sys/kernel/security/lsm").ok().map(|list| has_bpf(&list)),
            preemption: preemption(&version, modes.as_deref(), &command_line, config.as_deref()),
            release,
        }
    }
}

impl Environment {
    /// The release is of an earlier series. One that cannot be read counts as new.
    #[must_use]
    pub fn older_than(&self, major: u32, minor: u32) -> bool {
        let mut numbers = self.release.split(|character: char| !character.is_ascii_digit()).map(str::parse::<u32>);
        let (Some(Ok(its_major)), Some(Ok(its_minor))) = (numbers.next(), numbers.next()) else { return false };
        (its_major, its_minor) < (major, minor)
    }
}

/// Refuses to start where a later failure would only say EPERM.
pub(super) fn require_privilege() -> Result<(), KernelError> {
    let effective = procfs::process::Process::myself().and_then(|me| me.status()).map_or(u64::MAX, |status| status.capeff);
    let missing = missing_capabilities(effective);
    if missing.is_empty() { Ok(()) } else { Err(KernelError::NoPrivilege { missing }) }
}

fn missing_capabilities(effective: u64) -> String {
    let has = |capability: u32| effective >> capability & 1 == 1;
    if has(CAP_SYS_ADMIN) {
        return String::new();
    }
    let missing: Vec<_> = CAPABILITIES.iter().filter(|(number, _)| !has(*number)).map(|(_, name)| *name).collect();
    missing.join(" and ")
}

pub(super) fn has_bpf(list: &str) -> bool {
    list.trim().split(',').any(|name| name == "bpf")
}

/// The kernel's word counts in this order: what is in force now, the command line, the build.
pub(super) fn preemption(version: &str, modes: Option<&str>, command_line: &str, config: Option<&str>) -> Preemption {
    let word = |name: &str| version.split_whitespace().any(|part| part == name);
    if word("PREEMPT_RT") || word("PREEMPT") || word("PREEMPT_LAZY") {
        return Preemption::Full;
    }
    if !word("PREEMPT_DYNAMIC") {
        return Preemption::None;
    }
    let asked = command_line.split_whitespace().filter_map(|word| word.strip_prefix("preempt=")).next_back();
    let mode = modes.and_then(|modes| chosen(modes, '(', ')')).or_else(|| asked.map(str::to_owned));
    match mode.as_deref() {
        Some("none" | "voluntary") => return Preemption::None,
        Some(_) => return Preemption::Full,
        None => {}
    }
    let built = |option: &str| config.is_some_and(|text| text.lines().any(|line| line == option));
    if built("CONFIG_PREEMPT_VOLUNTARY=y") || built("CONFIG_PREEMPT_NONE=y") {
        Preemption::None
    } else if built("CONFIG_PREEMPT=y") || built("CONFIG_PREEMPT_LAZY=y") {
        Preemption::Full
    } else {
        Preemption::Unknown
    }
}

/// The marked word of a list such as `none (voluntary) full`.
fn chosen(list: &str, open: char, close: char) -> Option<String> {
    let (_, rest) = list.split_once(open)?;
    Some(rest.split_once(close)?.0.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lsm_lists_are_compared_by_whole_names() {
        assert!(has_bpf("lockdown,capability,landlock,yama,apparmor,tomoyo,bpf,ima,evm\n"));
        assert!(!has_bpf("lockdown,capability,landlock,yama,apparmor,bpfilter"));
    }

    #[test]
    fn preemption_is_read_from_the_best_source() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian 6.12.1-1";
        assert_eq!(preemption("#1 SMP Debian 5.10", None, "", None), Preemption::None);
        assert_eq!(preemption("#1 SMP PREEMPT_RT Debian", None, "", None), Preemption::Full);
        assert_eq!(preemption(dynamic, Some("none (voluntary) full \n"), "preempt=full", None), Preemption::None);
        assert_eq!(preemption(dynamic, Some("none voluntary full (lazy)\n"), "", None), Preemption::Full);
        assert_eq!(preemption(dynamic, None, "quiet preempt=full", None), Preemption::Full);
        assert_eq!(preemption(dynamic, None, "quiet", Some("CONFIG_PREEMPT_VOLUNTARY=y\n")), Preemption::None);
        assert_eq!(preemption(dynamic, None, "quiet", None), Preemption::Unknown);
    }

    #[test]
    fn releases_are_compared_by_number() {
        let of = |release: &str| Environment { release: release.to_owned(), bpf_lsm: None, preemption: Preemption::None };
        assert!(of("5.10.0-46-cloud-amd64").older_than(6, 1));
        assert!(!of("6.1.0-56-cloud-amd64").older_than(6, 1));
        assert!(!of("6.12.117+deb13-cloud-amd64").older_than(6, 2));
        assert!(!of("").older_than(6, 1));
    }

    #[test]
    fn missing_capabilities_are_named() {
        assert_eq!(missing_capabilities(0), "CAP_PERFMON and CAP_BPF");
        assert_eq!(missing_capabilities(1 << 39), "CAP_PERFMON");
        assert_eq!(missing_capabilities(1 << 38 | 1 << 39), "");
        assert_eq!(missing_capabilities(1 << 21), "");
    }
}
