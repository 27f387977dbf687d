//! The kernel programs that the agent carries.

/// The object built by `cargo xtask build-ebpf`, or nothing if the agent was built without it.
///
/// Parsing it takes no copy: the bytes are aligned as an ELF file must be.
pub(super) fn embedded() -> Option<&'static [u8]> {
    let object = aya::include_bytes_aligned!(concat!(env!("OUT_DIR"), "/koney-ebpf.o"));
    (!object.is_empty()).then_some(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_embedded_object_is_an_aligned_elf_file() {
        if let Some(object) = embedded() {
            assert!(object.starts_with(b"\x7fELF"));
            assert_eq!(object.as_ptr().align_offset(8), 0);
        }
    }
}
