//! The kernel programs inside this binary.

/// Aligned for the ELF reader.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/koney-ebpf.o"));

/// The object, `None` where this binary was built without it.
pub(super) fn embedded() -> Option<&'static [u8]> {
    (!OBJECT.is_empty()).then_some(OBJECT)
}
