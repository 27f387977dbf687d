//! Strings out of kernel memory: whatever the bytes are, the result is valid UTF-8 of bounded length.

/// A NUL-padded name such as `comm`.
pub(super) fn name(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).into_owned()
}

/// A path from its components, last first, each NUL-terminated. No component at all is the root directory.
pub(super) fn path(components: &[u8], truncated: bool) -> String {
    let body = components.strip_suffix(&[0]).unwrap_or(components);
    let mut path = String::with_capacity(components.len() + 1);
    if truncated {
        path.push_str("...");
    }
    if !body.is_empty() {
        for component in body.rsplit(|byte| *byte == 0) {
            path.push('/');
            path.push_str(&String::from_utf8_lossy(component));
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    path
}

/// Splits an argument block: the last NUL ends the last argument, every other one separates two.
#[must_use]
pub fn arguments(block: &[u8]) -> Vec<String> {
    let block = block.strip_suffix(&[0]).unwrap_or(block);
    block.split(|byte| *byte == 0).map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_turned_around() {
        assert_eq!(path(b"service_token\0koney\0run\0", false), "/run/koney/service_token");
        assert_eq!(path(b"", false), "/");
        assert_eq!(path(b"c\0b\0", true), ".../b/c");
        assert_eq!(path(b"\xFF\0tmp\0", false), "/tmp/\u{FFFD}");
    }

    #[test]
    fn arguments_keep_empty_ones() {
        assert_eq!(arguments(b"cat\0\0-n\0"), ["cat", "", "-n"]);
        assert_eq!(arguments(b"cat"), ["cat"]);
        assert_eq!(arguments(b""), [""]);
    }

    #[test]
    fn names_end_at_the_first_nul() {
        assert_eq!(name(b"cat\0\0\0garbage"), "cat");
        assert_eq!(name(b"exactly-15-byte"), "exactly-15-byte");
    }
}
