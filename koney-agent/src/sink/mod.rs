//! From `Alert` to delivered, retried or given up.
