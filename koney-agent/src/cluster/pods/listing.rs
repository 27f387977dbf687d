//! A list of pods as JSON: each pod by itself, so that a malformed one takes no other along.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;
use tracing::warn;

use super::{pod::Pod, read::read};

/// A `PodList`.
#[derive(Debug, Deserialize)]
pub(super) struct Listing {
    #[serde(default)]
    items: Vec<Value>,
}

impl Listing {
    pub(super) const fn of(items: Vec<Value>) -> Self {
        Self { items }
    }
}

/// Says of each malformed pod once what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct Reader {
    told: BTreeSet<String>,
}

impl Reader {
    pub(super) fn list(&mut self, listing: Listing) -> Vec<Pod> {
        // Only what is wrong now is remembered.
        let told = std::mem::take(&mut self.told);
        let mut pods = Vec::with_capacity(listing.items.len());
        for item in listing.items {
            match read(item) {
                Ok(pod) => pods.push(pod),
                Err(error) => {
                    let error = error.to_string();
                    if !told.contains(&error) {
                        warn!(error = %error.escape_debug(), "a pod cannot be read; its containers are not known");
                    }
                    self.told.insert(error);
                }
            }
        }
        pods
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_malformed_pod_takes_no_other_along() {
        let good = |name: &str| json!({ "metadata": { "name": name, "namespace": "shop", "uid": name } });
        let listing = json!({ "kind": "PodList", "items": [good("a"), { "metadata": 7 }, good("b")] });
        let pods = Reader::default().list(serde_json::from_value(listing).expect("a list"));
        assert_eq!(pods.iter().map(|pod| pod.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    }
}
