//! From an alert to the bytes that a sink sends.

use crate::alert::Alert;

/// Writes alerts the way one receiver reads them.
///
/// Asked once for each alert, when it is queued: what is sent later is what was kept. So it knows what the resource says, which is
/// there from the start, and nothing of the Secret, which may come later.
pub trait Render: Send + Sync {
    /// The alert as it is kept and sent. Total: whatever an accessing process wrote gives bytes.
    fn render(&self, alert: &Alert) -> Vec<u8>;
}
