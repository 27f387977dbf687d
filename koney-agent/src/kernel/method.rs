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
    /// kprobe on `security_file_open`.
    Kprobe,
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
    /// Every method, in the order in which they are told.
    pub const ALL: &[Self] = &[Self::Lsm, Self::Fentry, Self::Kprobe];

    /// Name in options, logs and alerts.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lsm => "lsm",
            Self::Fentry => "fentry",
            Self::Kprobe => "kprobe",
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
///
/// fentry stands before kprobe where the kernel does not preempt inside a program, because it costs less; behind it elsewhere, because
/// kprobe programs run with preemption off and miss nothing.
pub(super) fn order(choice: Choice, environment: &Environment) -> Vec<Method> {
    let order = match (choice, environment.preemption) {
        (Choice::Only(method), _) => return vec![method],
        (Choice::Fanotify, _) => return Vec::new(),
        (Choice::Auto, Preemption::None) => [Method::Lsm, Method::Fentry, Method::Kprobe],
        (Choice::Auto, Preemption::Full | Preemption::Unknown) => [Method::Lsm, Method::Kprobe, Method::Fentry],
    };
    order.into_iter().filter(|method| unfit(*method, environment).is_none()).collect()
}

/// The methods that are not tried, and why.
pub(super) fn left_out(choice: Choice, environment: &Environment) -> Attempts {
    if choice != Choice::Auto {
        return Attempts::default();
    }
    let unfit = |method| unfit(method, environment).map(|reason| Attempt { method, reason: format!("not tried, {reason}") });
    Attempts(Method::ALL.iter().copied().filter_map(unfit).collect())
}

fn unfit(method: Method, environment: &Environment) -> Option<&'static str> {
    match method {
        // Where the list cannot be read, the canary will tell.
        Method::Lsm if environment.bpf_lsm == Some(false) => Some("`bpf` is not in /sys/kernel/security/lsm"),
        // The trap table grows as traps are added, at which kernels before 6.1 print a warning with a stack trace for kprobe programs
        // (`check_map_prog_compatibility`, `kernel/bpf/verifier.c` 5.10), which is fatal under panic_on_warn.
        Method::Kprobe if environment.older_than(6, 1) => {
            Some("before 6.1 the kernel warns of such a program; ask for it by name")
        }
        _ => None,
    }
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
            "kprobe" => Ok(Self::Only(Method::Kprobe)),
            fanotify::NAME => Ok(Self::Fanotify),
            other => {
                Err(format!("unknown attach method `{}`, expected auto, lsm, fentry, kprobe or fanotify", other.escape_debug()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(bpf_lsm: Option<bool>, preemption: Preemption) -> Environment {
        Environment { release: "6.12.1-amd64".to_owned(), bpf_lsm, preemption }
    }

    #[test]
    fn the_order_follows_what_the_kernel_is() {
        use Method::{Fentry, Kprobe, Lsm};
        let auto = |bpf_lsm, preemption| order(Choice::Auto, &environment(bpf_lsm, preemption));
        assert_eq!(auto(Some(true), Preemption::None), [Lsm, Fentry, Kprobe]);
        assert_eq!(auto(None, Preemption::None), [Lsm, Fentry, Kprobe]);
        assert_eq!(auto(Some(false), Preemption::None), [Fentry, Kprobe]);
        assert_eq!(auto(Some(false), Preemption::Full), [Kprobe, Fentry]);
        assert_eq!(auto(Some(false), Preemption::Unknown), [Kprobe, Fentry]);
        let old = Environment { release: "5.15.0".to_owned(), ..environment(Some(false), Preemption::None) };
        assert_eq!(order(Choice::Auto, &old), [Fentry]);
        assert_eq!(order(Choice::Only(Kprobe), &old), [Kprobe]);
        assert_eq!(left_out(Choice::Auto, &old).0.len(), 2, "each of the two says why");
    }

    #[test]
    fn only_fentry_is_degraded_by_preemption() {
        let full = environment(Some(true), Preemption::Full);
        assert!(Method::Fentry.degraded(&full).is_some());
        assert!(Method::Fentry.degraded(&environment(None, Preemption::None)).is_none());
        assert!(Method::Lsm.degraded(&full).is_none() && Method::Kprobe.degraded(&full).is_none());
    }

    #[test]
    fn choices_are_parsed_and_refused_by_name() {
        assert_eq!("lsm".parse(), Ok(Choice::Only(Method::Lsm)));
        assert_eq!("fanotify".parse(), Ok(Choice::Fanotify));
        let refused = "kprobe2".parse::<Choice>().expect_err("no such method");
        assert_eq!(refused, "unknown attach method `kprobe2`, expected auto, lsm, fentry, kprobe or fanotify");
    }
}
