//! The ways to show a credential that many receivers know: a token, a name with a password, headers of their own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, TRANSFER_ENCODING,
};

use super::Settings;
use crate::sink::ConfigError;
use crate::sink::credentials::Values;

const KEY_TOKEN: &str = "token";
const KEY_USERNAME: &str = "username";
const KEY_PASSWORD: &str = "password";
const KEY_HEADERS: &str = "headers";
/// What koney sets itself.
const OURS: [HeaderName; 6] = [HOST, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, CONTENT_ENCODING, TRANSFER_ENCODING];
const UNUSABLE: &str = "it holds characters that no header can have; store it alone, without quotes or line breaks";

impl Settings {
    /// Reads `token`, `username` with `password`, and `headers`, which may all be absent.
    pub fn authenticate(&mut self, values: &Values<'_>) -> Result<(), ConfigError> {
        if let Some(token) = values.maybe(KEY_TOKEN)? {
            self.show(values, KEY_TOKEN, &format!("Bearer {token}"), token)?;
        }
        match (values.maybe(KEY_USERNAME)?, values.maybe(KEY_PASSWORD)?) {
            (Some(name), Some(password)) => {
                let encoded = STANDARD.encode(format!("{name}:{password}"));
                self.secret(&encoded);
                self.show(values, KEY_PASSWORD, &format!("Basic {encoded}"), password)?;
            }
            (Some(_), None) => return Err(values.missing(KEY_PASSWORD)),
            (None, Some(_)) => return Err(values.missing(KEY_USERNAME)),
            (None, None) => {}
        }
        for line in values.maybe(KEY_HEADERS)?.unwrap_or_default().lines().filter(|line| !line.trim().is_empty()) {
            self.line(line).map_err(|problem| values.invalid(KEY_HEADERS, &problem))?;
        }
        Ok(())
    }

    /// Shows a credential as `Authorization`.
    pub fn show(&mut self, values: &Values<'_>, key: &'static str, header: &str, secret: &str) -> Result<(), ConfigError> {
        if self.headers.iter().any(|(name, _)| *name == AUTHORIZATION) {
            return Err(values.invalid(key, &"there is another credential beside it; keep one of them"));
        }
        if self.header(AUTHORIZATION, header, secret) { Ok(()) } else { Err(values.invalid(key, &UNUSABLE)) }
    }

    fn line(&mut self, line: &str) -> Result<(), &'static str> {
        let remedy = "write one header a line, as `Name: value`";
        let (name, value) = line.split_once(':').ok_or(remedy)?;
        let Ok(name) = HeaderName::from_bytes(name.trim().as_bytes()) else { return Err(remedy) };
        if OURS.contains(&name) {
            return Err("it names a header that koney sets itself; remove that line");
        }
        let value = value.trim();
        if self.header(name, value, value) { Ok(()) } else { Err(UNUSABLE) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sink::SinkId;
    use crate::sink::http::Options;

    fn headers(secret: &[(&str, &str)]) -> Result<(Vec<String>, Settings), String> {
        let sink = SinkId::new("koney-system", "prod");
        let secret: BTreeMap<_, _> = secret.iter().copied().collect();
        let value = |key: &str| secret.get(key).map(|value| value.as_bytes());
        let values = Values { sink: &sink, secret: "s", value: &value };
        let mut settings = Settings::read(&values, Vec::new(), Options::default()).map_err(|error| error.to_string())?;
        settings.authenticate(&values).map_err(|error| error.to_string())?;
        let lines = settings.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().expect("ASCII")));
        Ok((lines.collect(), settings))
    }

    #[test]
    fn every_way_is_a_header_that_no_log_prints() {
        for (secret, expected) in [
            (vec![], vec![]),
            (vec![("token", "s3cr3t\n")], vec!["authorization: Bearer s3cr3t"]),
            (vec![("username", "koney"), ("password", "hunter2")], vec!["authorization: Basic a29uZXk6aHVudGVyMg=="]),
            (vec![("headers", "X-Key: abc def\n\nx-other:1234567\n")], vec!["x-key: abc def", "x-other: 1234567"]),
        ] {
            let (headers, settings) = headers(&secret).expect("usable");
            assert_eq!(headers, expected);
            assert!(settings.headers.iter().all(|(_, value)| value.is_sensitive()));
            let text = settings.redactor.redact("s3cr3t hunter2 a29uZXk6aHVudGVyMg== abc def 1234567");
            let secrets = secret.iter().filter(|(key, _)| *key != "username").count();
            assert!(text.matches("[REDACTED]").count() >= secrets, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_shown_is_named_and_not_repeated() {
        for (secret, expected) in [
            (vec![("token", "SECRET\u{1}x")], "`token`"),
            (vec![("token", "SECRET"), ("username", "a"), ("password", "SECRET")], "keep one of them"),
            (vec![("username", "a")], "`password`"),
            (vec![("password", "SECRET")], "`username`"),
            (vec![("headers", "SECRET")], "`Name: value`"),
            (vec![("headers", "Host: SECRET")], "koney sets itself"),
        ] {
            let error = headers(&secret).map(|_| ()).expect_err("unusable");
            assert!(error.contains(expected) && !error.contains("SECRET"), "{error}");
        }
    }
}
