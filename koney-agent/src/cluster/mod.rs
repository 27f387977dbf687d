//! From a manifest folder or the API server to typed snapshots.
