//! Enumerated strings of the resources: one table each for reading, writing, the schema and the error text.

use serde::Deserialize as _;
use serde::de::{Deserializer, Error};

use super::text::shown;

/// Gives a fieldless enum the names it has in a manifest, and an error that lists them.
macro_rules! choice {
    ($type:ident, $what:literal, { $($name:literal => $variant:ident),+ $(,)? }) => {
        impl $type {
            const NAMES: &[(&'static str, Self)] = &[$(($name, Self::$variant)),+];

            /// The name a manifest uses.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name),+
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::cluster::choice::read(deserializer, $what, Self::NAMES)
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($name),+] })
            }
        }
    };
}
pub(super) use choice;

pub(super) fn read<'de, D: Deserializer<'de>, T: Copy>(
    deserializer: D,
    what: &str,
    names: &[(&'static str, T)],
) -> Result<T, D::Error> {
    let given = String::deserialize(deserializer)?;
    names
        .iter()
        .find(|(name, _)| *name == given)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let expected: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            D::Error::custom(format!(
                "unknown {what} `{}`, expected one of {}",
                shown(&given),
                expected.join(", ")
            ))
        })
}
