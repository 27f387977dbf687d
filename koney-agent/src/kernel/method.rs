//! The attach methods, in the order in which they are worth trying.

use std::{fmt, str::FromStr};

use super::{
    environment::{Environment, Preemption},
    error::{Attempt, Attempts},
    fanotify,
};

/// How a program is hung on `security_file_open`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// BPF LSM `file_open`.
    Lsm,
    /// fentry on `security_file_open`.
    Fentry,
}

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// The first that fires, and fanotify where none does.
    #[default]
    Auto,
    /// This one or none.
    Only(Method),
    /// No eBPF at all.
    Fanotify,
}

impl Method {
    /// Name in options, logs and alerts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lsm => "lsm",
            Self::Fentry => "fentry",
        }
    }

    /// Accesses can slip through unseen, and why.
    ///
    /// fentry programs carry a per-CPU recursion guard that is taken with preemption on (`kernel/bpf/trampoline.c`,
    /// `__bpf_prog_enter_recur`, since 5.12): while a task is preempted inside the program, every other open on that CPU is skipped.
    /// LSM programs have had no such guard since 6.2 (commit 271de525e1d7, also in 6.1's later updates); between 5.12 and that, they
    /// are no better. What is skipped is counted either way.
    #[must_use]
    pub fn degraded(self, environment: &Environment) -> Option<&'static str> {
        match (self, environment.preemption) {
            (Self::Fentry, Preemption::Full) => Some(
                "fentry can miss accesses on a kernel that preempts inside a program; boot with `bpf` in the lsm= list to use LSM",
            ),
            (Self::Fentry, Preemption::Unknown) => Some(
                "fentry can miss accesses if this kernel preempts inside a program, which could not be found out; boot with `bpf` in \
                 the lsm= list to use LSM",
            ),
            _ => None,
        }
    }
}

/// The methods to try, best first.
#[must_use]
pub(super) fn order(choice: Choice, environment: &Environment) -> Vec<Method> {
    match choice {
        Choice::Only(method) => vec![method],
        Choice::Fanotify => Vec::new(),
        Choice::Auto if environment.bpf_lsm == Some(false) => vec![Method::Fentry],
        // Where the list cannot be read, the canary will tell.
        Choice::Auto => vec![Method::Lsm, Method::Fentry],
    }
}

/// The methods that need not be tried, and why.
pub(super) fn left_out(choice: Choice, environment: &Environment) -> Attempts {
    let lsm = (choice == Choice::Auto && environment.bpf_lsm == Some(false))
        .then(|| Attempt { method: Method::Lsm, reason: "not tried, `bpf` is not in /sys/kernel/security/lsm".to_owned() });
    Attempts(lsm.into_iter().collect())
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "lsm" => Ok(Self::Only(Method::Lsm)),
            "fentry" => Ok(Self::Only(Method::Fentry)),
            fanotify::NAME => Ok(Self::Fanotify),
            other => Err(format!("unknown attach method `{}`, expected auto, lsm, fentry or fanotify", other.escape_debug())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(bpf_lsm: Option<bool>, preemption: Preemption) -> Environment {
        Environment { release: "6.12".to_owned(), bpf_lsm, preemption }
    }

    #[test]
    fn lsm_comes_first_where_the_kernel_has_it() {
        let with = environment(Some(true), Preemption::Full);
        assert_eq!(order(Choice::Auto, &with), [Method::Lsm, Method::Fentry]);
        assert_eq!(order(Choice::Auto, &environment(Some(false), Preemption::None)), [Method::Fentry]);
        assert_eq!(order(Choice::Auto, &environment(None, Preemption::None)), [Method::Lsm, Method::Fentry]);
        assert_eq!(order(Choice::Only(Method::Fentry), &with), [Method::Fentry]);
        assert!(Method::Fentry.degraded(&with).is_some());
        assert!(Method::Fentry.degraded(&environment(Some(false), Preemption::None)).is_none());
        assert!(Method::Lsm.degraded(&with).is_none());
    }

    #[test]
    fn choices_are_parsed_and_refused_by_name() {
        assert_eq!("lsm".parse(), Ok(Choice::Only(Method::Lsm)));
        assert_eq!("fanotify".parse(), Ok(Choice::Fanotify));
        let refused = "kprobe2".parse::<Choice>().expect_err("no such method");
        assert_eq!(refused, "unknown attach method `kprobe2`, expected auto, lsm, fentry or fanotify");
    }
}
