//! A Secret whose values no message, log or debug print can show.

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::ByteString;
use secrecy::{ExposeSecret as _, SecretSlice};

/// A `v1/Secret`.
pub struct Secret {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    values: BTreeMap<String, SecretSlice<u8>>,
}

impl Secret {
    /// A Secret of decoded values.
    #[must_use]
    pub fn new(namespace: &str, name: &str, values: BTreeMap<String, SecretSlice<u8>>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            values,
        }
    }

    /// The value of a key, exactly as stored: a line break that `echo` left at its end is still there.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&SecretSlice<u8>> {
        self.values.get(key)
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }
}

/// Decodes a value of `data` as the API server does: standard alphabet, padded, line breaks ignored.
///
/// `None` for anything else; there is no error text, since it could carry part of the value.
pub(super) fn decode(encoded: &str) -> Option<SecretSlice<u8>> {
    let compact: String = encoded
        .chars()
        .filter(|character| !matches!(character, '\r' | '\n'))
        .collect();
    serde_json::from_value::<ByteString>(compact.into())
        .ok()
        .map(|bytes| SecretSlice::from(bytes.0))
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        let Self {
            namespace,
            name,
            values,
        } = self;
        namespace == &other.namespace
            && name == &other.name
            && values.len() == other.values.len()
            && values.iter().zip(&other.values).all(|(mine, theirs)| {
                mine.0 == theirs.0 && mine.1.expose_secret() == theirs.1.expose_secret()
            })
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Secret")
            .field("namespace", &self.namespace)
            .field("name", &self.name)
            .field("keys", &self.values.keys())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_as_the_api_server_reads_it() {
        let cases = [
            ("aHVudGVyMg==", Some("hunter2")),
            ("aHVu\ndGVyMg==\n", Some("hunter2")),
            ("", Some("")),
            ("aHVudGVyMg", None),
            ("hunter2!", None),
        ];
        for (encoded, expected) in cases {
            let decoded = decode(encoded);
            assert_eq!(
                decoded.as_ref().map(secrecy::ExposeSecret::expose_secret),
                expected.map(str::as_bytes),
                "{encoded:?}"
            );
        }
    }

    #[test]
    fn debug_shows_keys_only() {
        let values = BTreeMap::from([(
            "apiToken".to_owned(),
            SecretSlice::from(b"hunter2".to_vec()),
        )]);
        let secret = Secret::new("koney-system", "dynatrace", values);
        assert_eq!(
            format!("{secret:?}"),
            r#"Secret { namespace: "koney-system", name: "dynatrace", keys: ["apiToken"], .. }"#
        );
    }
}
