//! All that xtask says: results on stdout, progress and errors on stderr.
//!
//! Whoever stops listening (`| head`) does not stop the work: a virtual machine still gets to its verdict.

use std::io::{self, Write as _};

/// One step that is about to start and may take a while.
pub(crate) fn step(text: &str) {
    writeln!(io::stderr(), "==> {text}").ok();
}

/// A remark to the step under way.
pub(crate) fn note(text: &str) {
    writeln!(io::stderr(), "    {text}").ok();
}

/// One line of a result.
pub(crate) fn line(text: &str) {
    writeln!(io::stdout(), "{text}").ok();
}

/// An error with its causes, outermost first.
pub(crate) fn error(error: &anyhow::Error) {
    writeln!(io::stderr(), "xtask: {error:#}").ok();
}
