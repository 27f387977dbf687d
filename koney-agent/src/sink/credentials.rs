//! Reading a Secret: values that must or may be there, and what is said of those that cannot be used.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};

use super::{ConfigError, SinkId};

const MARK: &str = "[REDACTED]";

/// The Secret of one sink.
#[derive(Clone, Copy)]
pub struct Values<'a> {
    /// Which sink.
    pub sink: &'a SinkId,
    /// Name of the Secret.
    pub secret: &'a str,
    /// Gives the bytes under a key.
    pub value: &'a dyn Fn(&str) -> Option<&'a [u8]>,
}

/// Takes credentials out of texts that came from outside: a receiver may repeat what it was sent.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<SecretString>,
}

impl<'a> Values<'a> {
    /// The value of a key that has to be there: text, without the white space around it.
    pub fn text(&self, key: &'static str) -> Result<&'a str, ConfigError> {
        self.maybe(key)?.ok_or_else(|| self.missing(key))
    }

    /// The same of a key that may be absent.
    pub fn maybe(&self, key: &'static str) -> Result<Option<&'a str>, ConfigError> {
        let Some(bytes) = self.bytes(key) else { return Ok(None) };
        let text = str::from_utf8(bytes);
        text.map(Some).map_err(|error| self.invalid(key, &format_args!("it is not text: {error}; store it as UTF-8")))
    }

    /// The value of a key, without the white space around it; `None` where nothing is left.
    #[must_use]
    pub fn bytes(&self, key: &str) -> Option<&'a [u8]> {
        (self.value)(key).map(<[u8]>::trim_ascii).filter(|bytes| !bytes.is_empty())
    }

    /// The key has no value.
    #[must_use]
    pub fn missing(&self, key: &'static str) -> ConfigError {
        ConfigError::KeyMissing { sink: self.sink.clone(), secret: self.secret.to_owned(), key }
    }

    /// The value of the key cannot be used. `problem` must not repeat it.
    #[must_use]
    pub fn invalid(&self, key: &'static str, problem: &impl fmt::Display) -> ConfigError {
        ConfigError::KeyInvalid { sink: self.sink.clone(), secret: self.secret.to_owned(), key, problem: problem.to_string() }
    }
}

impl Redactor {
    /// Takes this text out from now on, however short it is.
    pub fn add(&mut self, secret: &str) {
        if !secret.is_empty() && !self.secrets.iter().any(|known| known.expose_secret() == secret) {
            self.secrets.push(secret.into());
            // The longest first: one may be part of another.
            self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        }
    }

    /// The text without what is secret.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.expose_secret(), MARK))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MARK)
    }
}

impl PartialEq for Redactor {
    fn eq(&self, other: &Self) -> bool {
        let exposed =
            |redactor: &Self| redactor.secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect::<Vec<_>>();
        exposed(self) == exposed(other)
    }
}

impl Eq for Redactor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_is_taken_out_and_none_is_printed() {
        let mut redactor = Redactor::default();
        for secret in ["hunter2", "hunter2-and-more", "pw", ""] {
            redactor.add(secret);
        }
        assert_eq!(redactor.redact("<hunter2> hunter2-and-more pw x"), "<[REDACTED]> [REDACTED] [REDACTED] x");
        assert_eq!(format!("{redactor:?}"), "[REDACTED]");
    }

    #[test]
    fn values_are_trimmed_and_empty_ones_are_missing() {
        let sink = SinkId::new("koney-system", "prod");
        let value = |key: &str| match key {
            "a" => Some(b" x\n".as_slice()),
            "b" => Some(b"\n".as_slice()),
            "c" => Some(b"\xff".as_slice()),
            _ => None,
        };
        let values = Values { sink: &sink, secret: "s", value: &value };
        assert_eq!(values.text("a"), Ok("x"));
        assert_eq!(values.maybe("b"), Ok(None));
        let error = values.text("b").expect_err("empty").to_string();
        assert_eq!(error, "sink koney-system/prod: Secret `s` has no value under the key `b`; add it");
        assert!(values.text("c").expect_err("no text").to_string().contains("store it as UTF-8"));
    }
}
