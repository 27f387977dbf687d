//! What the programs log, when asked to: into the agent's own log.

use aya::Ebpf;
use aya_log::EbpfLogger;
use tokio::io::{Interest, unix::AsyncFd};
use tracing::{debug, warn};

/// Forwards the programs' log lines until the agent ends. Must be called inside a tokio runtime.
pub(super) fn forward(ebpf: &mut Ebpf) {
    let logger = match EbpfLogger::init_with_logger(ebpf, ToTracing) {
        Ok(logger) => logger,
        Err(error) => return warn!(%error, "the programs' log cannot be read; start the agent again to have it"),
    };
    // SAFETY: the registration owns the logger and with it the ring's descriptor, which stays open as long as it is registered.
    let registered = unsafe { AsyncFd::register_with_interest(logger, Interest::READABLE) };
    let mut logger = match registered {
        Ok(logger) => logger,
        Err(error) => return warn!(%error, "the programs' log cannot be waited for; start the agent again to have it"),
    };
    // Ends with the runtime: nothing waits for a line of diagnosis.
    drop(tokio::spawn(async move {
        while let Ok(mut ready) = logger.readable_mut().await {
            ready.get_inner_mut().flush();
            ready.clear_ready();
        }
    }));
}

struct ToTracing;

impl log::Log for ToTracing {
    fn enabled(&self, _metadata: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        debug!(target: "koney_ebpf", level = %record.level(), "{}", record.args());
    }

    fn flush(&self) {}
}
