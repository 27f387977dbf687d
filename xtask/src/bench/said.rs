//! What a measuring program prints: a line `koney-bench: {…}` for each result. Pure.

use anyhow::{Context as _, Result};
use serde_json::Value;

const MARK: &str = "koney-bench: ";

/// The results in what was printed, in their order.
pub(crate) fn results(said: &str) -> Result<Vec<Value>> {
    // On a console something without a line's end may stand before a message.
    let messages = said.lines().filter_map(|line| line.split_once(MARK).map(|(_, json)| json));
    messages.map(|json| serde_json::from_str(json).with_context(|| format!("a result is unreadable: {json}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_results_are_read_and_a_broken_one_is_an_error() {
        let said = "noise\nkoney-bench: {\"what\":\"a\"}\nnoise koney-bench: {\"what\":\"b\"}\n";
        let results = results(said).expect("valid");
        assert_eq!(results.iter().map(|result| result["what"].as_str()).collect::<Vec<_>>(), [Some("a"), Some("b")]);
        assert!(super::results("koney-bench: {\"what\"\n").is_err());
    }
}
