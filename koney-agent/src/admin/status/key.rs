//! Who may see the page in full: whoever was given the key by root.
//!
//! Anyone on the node may connect to the port, an intruder included, and the page says which files are decoys.

use std::{fmt::Write as _, io};

use rustix::rand::{GetRandomFlags, getrandom};
use sha2::{Digest as _, Sha256};

/// Random bytes, made when the agent starts and kept nowhere.
#[derive(Clone)]
pub struct Key(String);

impl Key {
    /// A new one.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; 24];
        // Fewer than 256 bytes come whole (`random(7)`).
        getrandom(&mut bytes[..], GetRandomFlags::empty())?;
        Ok(Self(bytes.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a string takes what is written");
            text
        })))
    }

    /// The query of the page's address.
    #[must_use]
    pub fn query(&self) -> String {
        format!("key={}", self.0)
    }

    /// The query of an address has this key. By digests, so that time tells nothing.
    #[must_use]
    pub fn is_in(&self, query: Option<&str>) -> bool {
        let given = query.and_then(|query| query.split('&').find_map(|part| part.strip_prefix("key=")));
        given.is_some_and(|given| Sha256::digest(given) == Sha256::digest(&self.0))
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_itself_is_one() {
        let key = Key::random().expect("random bytes");
        assert_ne!(key.query(), Key::random().expect("random bytes").query());
        assert!(key.is_in(Some(&key.query())) && key.is_in(Some(&format!("a=b&{}", key.query()))));
        let short = key.query().chars().take(20).collect::<String>();
        for other in [None, Some(""), Some("key="), Some("key=00"), Some(short.as_str()), Some("x")] {
            assert!(!key.is_in(other), "{other:?}");
        }
        assert!(!format!("{key:?}").contains(&key.0));
    }
}
