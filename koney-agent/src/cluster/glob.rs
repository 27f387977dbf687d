//! Go's `filepath.Match`, which is what Koney means by `glob:`.
//!
//! Its own few lines instead of a glob crate: those negate with `[!a]`, know `**` and braces, and would accept patterns
//! that Koney's operator reads differently.

/// A pattern that matches a whole container name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob(Vec<Token>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    /// `*`: any run of characters but `/`.
    Run,
    /// `?`: one character but `/`.
    One,
    Literal(char),
    /// `[a-z]`, `[^a-z]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Glob {
    /// Compiles a pattern; the error says in words what is malformed.
    pub(super) fn new(pattern: &str) -> Result<Self, &'static str> {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(character) = chars.next() {
            tokens.push(match character {
                '*' => Token::Run,
                '?' => Token::One,
                '\\' => Token::Literal(chars.next().ok_or("it ends in a bare `\\`")?),
                '[' => class(&mut chars)?,
                literal => Token::Literal(literal),
            });
        }
        Ok(Self(tokens))
    }

    /// Whether the pattern matches all of `name`.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        let (mut at, mut token) = (0, 0);
        // Where to resume with the latest `*` one character longer; earlier ones never need to grow again.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            match self.0.get(token) {
                Some(Token::Run) => {
                    retry = Some((at, token + 1));
                    token += 1;
                    continue;
                }
                Some(single)
                    if name
                        .get(at)
                        .is_some_and(|character| single.accepts(*character)) =>
                {
                    at += 1;
                    token += 1;
                    continue;
                }
                None if at == name.len() => return true,
                _ => {}
            }
            match retry {
                Some((start, after))
                    if name.get(start).is_some_and(|character| *character != '/') =>
                {
                    retry = Some((start + 1, after));
                    at = start + 1;
                    token = after;
                }
                _ => return false,
            }
        }
    }
}

impl Token {
    fn accepts(&self, character: char) -> bool {
        match self {
            Self::Run | Self::One => character != '/',
            Self::Literal(literal) => *literal == character,
            Self::Class { negated, ranges } => {
                ranges
                    .iter()
                    .any(|(low, high)| (*low..=*high).contains(&character))
                    != *negated
            }
        }
    }
}

fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Token, &'static str> {
    let negated = chars.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && chars.next_if_eq(&']').is_some() {
            return Ok(Token::Class { negated, ranges });
        }
        let low = bound(chars)?;
        let high = if chars.next_if_eq(&'-').is_some() {
            bound(chars)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

/// One end of a range; Go wants `-` and `]` escaped there.
fn bound(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<char, &'static str> {
    match chars.next() {
        None => Err("a `[` is never closed"),
        Some('-' | ']') => Err("a `-` or `]` in `[...]` needs a `\\` before it"),
        Some('\\') => chars.next().ok_or("it ends in a bare `\\`"),
        Some(character) => Ok(character),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_go_does() {
        let cases = [
            ("*", "nginx", true),
            ("*", "", true),
            ("ngin?", "nginx", true),
            ("ngin?", "ngin", false),
            ("n*x", "nginx", true),
            ("n*x", "nginx2", false),
            ("*-*-proxy", "a-b-c-proxy", true),
            ("[a-m]pp", "app", true),
            ("[^a]pp", "app", false),
            ("[^a]pp", "bpp", true),
            ("[!a]pp", "!pp", true),
            ("[!a]pp", "bpp", false),
            ("[z-a]", "b", false),
            (r"\*", "*", true),
            (r"\*", "a", false),
            (r"[\]]", "]", true),
            ("**", "a/b", false),
            ("{a,b}", "a", false),
            ("", "", true),
            ("", "a", false),
        ];
        for (pattern, name, expected) in cases {
            let glob = Glob::new(pattern).expect(pattern);
            assert_eq!(glob.matches(name), expected, "{pattern} on {name}");
        }
    }

    #[test]
    fn refuses_what_go_refuses() {
        for pattern in ["[", "[]a]", "[a", "[^]", "[a-]", "[-a]", "a\\", "[a\\"] {
            assert!(Glob::new(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn many_stars_cost_no_more_than_length_times_length() {
        let glob = Glob::new(&"*a".repeat(500)).expect("a valid pattern");
        assert!(!glob.matches(&format!("{}b", "a".repeat(5000))));
    }
}
