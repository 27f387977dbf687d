//! The credential. It leaves this file only as a header that no log prints.

use std::fmt;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};

/// An access token or a platform token.
#[derive(Clone)]
pub struct Token {
    secret: SecretString,
    header: HeaderValue,
}

/// The text cannot be a token. Final until the Secret changes. Says nothing about the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it holds characters that no token has; store the token alone, without quotes or line breaks")]
pub struct InvalidToken;

impl Token {
    /// Reads a token; white space around it is not part of it.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidToken);
        }
        // Only access tokens of the classic kind use the scheme of their own.
        let scheme = if text.starts_with("dt0c01.") { "Api-Token" } else { "Bearer" };
        let Ok(mut header) = HeaderValue::from_str(&format!("{scheme} {text}")) else { return Err(InvalidToken) };
        header.set_sensitive(true);
        Ok(Self { secret: text.into(), header })
    }

    /// The value of `Authorization`, marked as sensitive.
    #[must_use]
    pub fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// Takes the token out of a text that came from outside: a receiver may repeat what it was sent.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        text.replace(self.secret.expose_secret(), "[REDACTED]")
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[REDACTED]")
    }
}

impl PartialEq for Token {
    fn eq(&self, other: &Self) -> bool {
        self.secret.expose_secret() == other.secret.expose_secret()
    }
}

impl Eq for Token {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_decides_the_scheme() {
        for (text, header) in [
            ("dt0c01.PUBLIC.SECRET\n", "Api-Token dt0c01.PUBLIC.SECRET"),
            ("dt0s16.PUBLIC.SECRET", "Bearer dt0s16.PUBLIC.SECRET"),
            (" eyJhbGciOi.x.y\r\n", "Bearer eyJhbGciOi.x.y"),
            ("dt0c01x", "Bearer dt0c01x"),
        ] {
            let token = Token::parse(text).expect("a token");
            assert_eq!(token.header(), header);
            assert!(token.header().is_sensitive());
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in ["", "\n", "two words", "a\nb", "\u{e9}", "a\u{7f}"] {
            assert_eq!(Token::parse(text).map(|_| ()), Err(InvalidToken), "{text:?}");
        }
    }

    #[test]
    fn it_does_not_print_itself() {
        let token = Token::parse("dt0c01.PUBLIC.SECRET").expect("a token");
        assert_eq!(format!("{token:?} {:?}", token.header()), "[REDACTED] Sensitive");
        assert_eq!(token.redact("<dt0c01.PUBLIC.SECRET>"), "<[REDACTED]>");
    }
}
