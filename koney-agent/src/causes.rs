//! An error in one line.

/// The error with its causes, each said once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let line = inner.to_string();
        if !text.contains(&line) {
            text.push_str(": ");
            text.push_str(&line);
        }
        source = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::chain;

    #[test]
    fn a_cause_that_is_said_already_is_not_said_again() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot read: {0}")]
        struct Twice(#[source] io::Error);
        #[derive(Debug, thiserror::Error)]
        #[error("cannot start")]
        struct Outer(#[source] Twice);
        let error = Outer(Twice(io::Error::other("no such file")));
        assert_eq!(chain(&error), "cannot start: cannot read: no such file");
    }
}
