//! What a guest tells of its kernel before the suite starts. Pure.

use crate::{arch::Arch, vm::kernel::compare};

/// The lines by which a guest tells, each with the command that knows.
const QUESTIONS: [(&str, &str); 4] = [
    ("release", "uname -r"),
    ("version", "uname -v"),
    ("preempt", "cat /sys/kernel/debug/sched/preempt"),
    ("lsm", "cat /sys/kernel/security/lsm"),
];

const PREFIX: &str = "koney-guest-";

/// A guest's kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its version, without what the distribution adds.
    pub(crate) kernel: String,
    pub(crate) arch: Arch,
    /// `none`, `voluntary`, `full` or `lazy`; `unknown` if nobody says.
    pub(crate) preempt: String,
    /// The security modules in force.
    pub(crate) lsm: Vec<String>,
}

/// The answers as they come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answers {
    release: Option<String>,
    version: String,
    preempt: String,
    lsm: String,
}

/// The shell commands that print the answers.
pub(crate) fn script() -> String {
    QUESTIONS.map(|(name, command)| format!("echo \"{PREFIX}{name}: $({command} 2>/dev/null)\"\n")).concat()
}

impl Answers {
    /// Takes a line of the guest; says whether it was an answer.
    pub(crate) fn feed(&mut self, line: &str) -> bool {
        let Some((name, answer)) = line.strip_prefix(PREFIX).and_then(|rest| rest.split_once(": ")) else { return false };
        let answer = answer.trim().to_owned();
        match name {
            "release" => self.release = Some(answer),
            "version" => self.version = answer,
            "preempt" => self.preempt = answer,
            "lsm" => self.lsm = answer,
            _ => return false,
        }
        true
    }

    /// The facts, once the guest has told them; `config` is what its kernel was built with.
    pub(crate) fn facts(&self, arch: Arch, config: Option<&str>) -> Option<Facts> {
        let release = self.release.as_deref()?;
        Some(Facts {
            kernel: kernel(release, &self.version),
            arch,
            preempt: preempt(&self.version, &self.preempt, config.unwrap_or_default()).to_owned(),
            lsm: self.lsm.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        })
    }
}

impl Facts {
    /// Whether the kernel is of an earlier series.
    pub(crate) fn older_than(&self, series: &str) -> bool {
        compare(&self.kernel, series).is_lt()
    }
}

/// `6.12.117` of `6.12.117+deb13-cloud-amd64`. Debian's older kernels are named after their ABI (`6.1.0-56`) and tell the version of
/// their source in `uname -v` (`… Debian 6.1.170-1 (…)`).
fn kernel(release: &str, version: &str) -> String {
    let numbers = |text: &str| {
        let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
        text.split_at(end).0.to_owned()
    };
    let by_name = numbers(release);
    let series = |text: &str| text.split('.').take(2).map(str::to_owned).collect::<Vec<_>>();
    let source = version.split_whitespace().skip_while(|word| *word != "Debian").nth(1).map(numbers);
    source.filter(|source| series(source) == series(&by_name)).unwrap_or(by_name)
}

/// How the kernel preempts itself: what is in force counts, then what it was built with.
fn preempt<'a>(version: &str, modes: &'a str, config: &str) -> &'a str {
    if let Some((mode, _)) = modes.split_once('(').and_then(|(_, rest)| rest.split_once(')')) {
        return mode;
    }
    let says = |word| version.split_whitespace().any(|have| have == word);
    let built = |option: &str| config.lines().any(|line| line.strip_suffix("=y") == Some(option));
    if says("PREEMPT") || says("PREEMPT_RT") || built("CONFIG_PREEMPT") {
        "full"
    } else if says("PREEMPT_LAZY") || built("CONFIG_PREEMPT_LAZY") {
        "lazy"
    } else if built("CONFIG_PREEMPT_VOLUNTARY") {
        "voluntary"
    } else if built("CONFIG_PREEMPT_NONE") {
        "none"
    } else {
        "unknown"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_what_the_source_says() {
        let old = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-1 (2026-10-01)";
        assert_eq!(kernel("6.1.0-56-cloud-amd64", old), "6.1.170");
        assert_eq!(kernel("6.12.117+deb13-cloud-amd64", "#1 SMP Debian 6.12.117-1 (2026-10-01)"), "6.12.117");
        assert_eq!(kernel("7.3.4", "#1 SMP"), "7.3.4");
        assert_eq!(kernel("6.1.0-56", "#1 SMP Debian 5.10.1-1"), "6.1.0");
    }

    #[test]
    fn preemption_is_what_is_in_force_then_what_was_built() {
        let dynamic = "#1 SMP PREEMPT_DYNAMIC Debian";
        assert_eq!(preempt(dynamic, "none (voluntary) full", "CONFIG_PREEMPT=y"), "voluntary");
        assert_eq!(preempt(dynamic, "full (lazy)", ""), "lazy");
        assert_eq!(preempt("#1 SMP Debian", "", "# CONFIG_PREEMPT is not set\nCONFIG_PREEMPT_VOLUNTARY=y\n"), "voluntary");
        assert_eq!(preempt("#1 SMP PREEMPT_RT Debian", "", ""), "full");
        assert_eq!(preempt("#1 SMP Debian", "", ""), "unknown");
    }

    #[test]
    fn answers_become_facts() {
        let mut answers = Answers::default();
        assert!(!answers.feed("koney-row: {}"));
        assert_eq!(answers.facts(Arch::Amd64, None), None);
        assert!(answers.feed("koney-guest-release: 6.12.117+deb13-cloud-amd64"));
        assert!(answers.feed("koney-guest-lsm: lockdown,capability,bpf"));
        let facts = answers.facts(Arch::Amd64, Some("CONFIG_PREEMPT_NONE=y")).expect("a release was told");
        assert_eq!((facts.kernel.as_str(), facts.preempt.as_str()), ("6.12.117", "none"));
        assert_eq!(facts.lsm, ["lockdown", "capability", "bpf"]);
        assert!(facts.older_than("6.13") && !facts.older_than("6.12") && !facts.older_than("5.11"));
    }
}
