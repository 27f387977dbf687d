//! `containerSelector`: which containers of a selected workload get the trap.

use regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::glob::Glob;
use super::text::bounded;

/// Bytes a compiled expression may take; Koney's own need a few kilobytes.
const REGEX_BYTES: usize = 1 << 20;

/// A compiled `containerSelector`.
#[derive(Clone, Debug)]
pub struct ContainerSelector {
    written: String,
    form: Form,
}

#[derive(Clone, Debug)]
enum Form {
    All,
    Name,
    Glob(Glob),
    Regex(Regex),
}

/// Fatal for the trap; the author of the policy acts.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SelectorError {
    /// `regex:` with an expression that does not compile.
    #[error("is not a valid regular expression ({0})")]
    Regex(String),
    /// `glob:` with a malformed pattern.
    #[error("is not a valid glob ({0})")]
    Glob(&'static str),
}

impl ContainerSelector {
    /// Compiles a selector as a policy writes it: empty, a name, `glob:PATTERN` or `regex:EXPRESSION` (RE2, unanchored).
    pub fn new(written: &str) -> Result<Self, SelectorError> {
        let form = if let Some(expression) = written.strip_prefix("regex:") {
            let regex = RegexBuilder::new(&from_re2(expression))
                .size_limit(REGEX_BYTES)
                .dfa_size_limit(REGEX_BYTES)
                .build()
                .map_err(|error| SelectorError::Regex(last_line(&error)))?;
            Form::Regex(regex)
        } else if let Some(pattern) = written.strip_prefix("glob:") {
            Form::Glob(Glob::new(pattern).map_err(SelectorError::Glob)?)
        } else if written.is_empty() {
            Form::All
        } else {
            Form::Name
        };
        Ok(Self {
            written: written.to_owned(),
            form,
        })
    }

    /// Whether the container of this name is selected.
    #[must_use]
    pub fn matches(&self, container: &str) -> bool {
        match &self.form {
            Form::All => true,
            Form::Name => self.written == container,
            Form::Glob(glob) => glob.matches(container),
            Form::Regex(regex) => regex.is_match(container),
        }
    }

    /// The selector as the policy writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.written
    }
}

impl PartialEq for ContainerSelector {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Eq for ContainerSelector {}

/// Rewrites the RE2 syntax that means something else, or nothing, to the `regex` crate: `\Q...\E`, and inside a class
/// a bare `[`, `&&` and `~~`, which are plain characters in RE2.
fn from_re2(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut rest = expression;
    let mut in_class = false;
    while let Some(character) = rest.chars().next() {
        if let Some(quoted) = rest.strip_prefix("\\Q").filter(|_| !in_class) {
            let (literal, after) = quoted.split_once("\\E").unwrap_or((quoted, ""));
            out.push_str(&regex::escape(literal));
            rest = after;
            continue;
        }
        let length = match character {
            '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
            // `]` is a plain character as the first of a class.
            '[' if !in_class && rest.starts_with("[^]") => 3,
            '[' if !in_class && rest.starts_with("[]") => 2,
            other => other.len_utf8(),
        };
        let (taken, after) = rest.split_at(length);
        match character {
            '[' if in_class && !rest.starts_with("[:") => out.push('\\'),
            '&' | '~' if in_class => out.push('\\'),
            '[' if in_class => {
                let (posix, after) = rest
                    .split_once(":]")
                    .map_or((rest, ""), |(name, after)| (name, after));
                out.push_str(posix);
                out.push_str(":]");
                rest = after;
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            _ => {}
        }
        out.push_str(taken);
        rest = after;
    }
    out
}

/// The regex crate draws its error over several lines and ends with the reason.
fn last_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let line = text.lines().last().unwrap_or_default();
    bounded(line.strip_prefix("error: ").unwrap_or(line), 120)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_select_as_koney_does() {
        let cases = [
            ("", "nginx", true),
            ("regex:.*", "nginx", true),
            ("regex:", "nginx", true),
            ("glob:*", "nginx", true),
            ("nginx", "nginx", true),
            ("nginx", "nginx2", false),
            ("*", "nginx", false),
            ("*", "*", true),
            ("regex:ngi", "my-nginx", true),
            ("regex:^ngi", "my-nginx", false),
            ("regex:^(web|app)-[0-9]+$", "app-12", true),
            (r"regex:^\Qa.b\E$", "a.b", true),
            (r"regex:^\Qa.b\E$", "axb", false),
            ("regex:[[a]", "[", true),
            ("regex:^[a&&b]$", "&", true),
            ("regex:^[]a]$", "]", true),
            ("regex:^[^]a]$", "b", true),
            ("regex:^[[:alpha:]-]+$", "a-b", true),
            (r"regex:^[\w\[]+$", "a[", true),
            ("glob:ngin?", "nginx", true),
            ("glob:[^a]*", "app", false),
            ("glob:web", "web-1", false),
        ];
        for (written, container, expected) in cases {
            let selector = ContainerSelector::new(written).expect(written);
            assert_eq!(
                selector.matches(container),
                expected,
                "{written} on {container}"
            );
        }
    }

    #[test]
    fn malformed_forms_say_what_is_wrong() {
        let message = |written| {
            ContainerSelector::new(written)
                .expect_err(written)
                .to_string()
        };
        assert_eq!(
            message("regex:("),
            "is not a valid regular expression (unclosed group)"
        );
        assert_eq!(
            message("glob:["),
            "is not a valid glob (a `[` is never closed)"
        );
        assert!(message("regex:(a{1000}){1000}").starts_with("is not a valid regular expression"));
    }
}
