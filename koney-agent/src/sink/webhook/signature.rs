//! Signatures as Standard Webhooks has them (`spec/standard-webhooks.md` of github.com/standard-webhooks/standard-webhooks):
//! whoever receives an alert can tell that it is from us and not one of yesterday.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretSlice};
use sha2::Sha256;

/// Bytes of a key.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// The keys in force: several while one takes another's place.
#[derive(Clone, Default)]
pub(super) struct Keys(Vec<SecretSlice<u8>>);

impl Keys {
    /// Reads keys as `whsec_` and base64, separated by white space. The error does not repeat them.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let key = |text: &str| {
            let bytes = STANDARD.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok()?;
            LENGTHS.contains(&bytes.len()).then(|| SecretSlice::from(bytes))
        };
        let keys: Option<Vec<_>> = text.split_whitespace().map(key).collect();
        keys.map(Self).ok_or("a key is not `whsec_` followed by base64 of 24 to 64 bytes; make one by `openssl rand -base64 32`")
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signatures = self.0.iter().map(|key| {
            let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("HMAC takes keys of any length");
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
        });
        signatures.collect::<Vec<_>>().join(" ")
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} [REDACTED]", self.0.len())
    }
}

impl PartialEq for Keys {
    fn eq(&self, other: &Self) -> bool {
        let exposed = |keys: &Self| keys.0.iter().map(|key| key.expose_secret().to_vec()).collect::<Vec<_>>();
        exposed(self) == exposed(other)
    }
}

impl Eq for Keys {}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    /// The vector of the libraries of Standard Webhooks (`libraries/*/`, test "sign function works").
    #[test]
    fn signs_as_the_libraries_do() {
        let keys = Keys::parse(KEY).expect("a key");
        assert_eq!(
            keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        let both = Keys::parse(&format!("{KEY}\n{KEY}")).expect("two keys");
        assert_eq!(both.sign("a", 1, b"").split(' ').count(), 2);
        assert!(!format!("{keys:?}").contains("MfKQ"));
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for text in ["whsec_SECRET!", "whsec_c2hvcnQ=", &format!("{KEY} SECRET")] {
            let error = Keys::parse(text).map(|_| ()).expect_err(text);
            assert!(!error.contains("SECRET"), "{error}");
        }
        assert!(Keys::parse(" \n").is_ok_and(|keys| keys.is_empty()));
    }
}
