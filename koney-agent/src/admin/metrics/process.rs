//! The agent itself as a process, from `/proc`.

use procfs::{CurrentSI as _, KernelStats, process::Process};

/// What is known of it; what cannot be read is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Own {
    pub(super) resident_bytes: Option<u64>,
    pub(super) cpu_seconds: Option<f64>,
    /// Seconds since 1970.
    pub(super) started: Option<f64>,
    pub(super) descriptors: Option<u64>,
    /// `None` also where there is no limit.
    pub(super) most_descriptors: Option<u64>,
}

impl Own {
    pub(super) fn read() -> Self {
        let Ok(process) = Process::myself() else { return Self::default() };
        let stat = process.stat().ok();
        let seconds = |ticks: u64| precise(ticks) / precise(procfs::ticks_per_second());
        let boot = KernelStats::current().ok().map(|kernel| precise(kernel.btime));
        let limit = process.limits().ok().map(|limits| limits.max_open_files.soft_limit);
        Self {
            resident_bytes: stat.as_ref().map(|stat| stat.rss.saturating_mul(procfs::page_size())),
            cpu_seconds: stat.as_ref().map(|stat| seconds(stat.utime.saturating_add(stat.stime))),
            started: stat.as_ref().zip(boot).map(|(stat, boot)| boot + seconds(stat.starttime)),
            descriptors: process.fd_count().ok().and_then(|count| u64::try_from(count).ok()),
            most_descriptors: match limit {
                Some(procfs::process::LimitValue::Value(limit)) => Some(limit),
                Some(procfs::process::LimitValue::Unlimited) | None => None,
            },
        }
    }
}

/// Good for 285 years in nanoseconds, to a part in 10^15.
#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
pub(super) const fn precise(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_a_process_that_runs() {
        let own = Own::read();
        assert!(own.resident_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(own.descriptors.is_some_and(|count| count >= 3));
        let now = precise(jiff::Timestamp::now().as_second().unsigned_abs());
        assert!(own.started.is_some_and(|started| started <= now + 1.0 && started > 1e9), "{own:?}");
        assert!(own.cpu_seconds.is_some_and(|seconds| seconds >= 0.0));
    }
}
