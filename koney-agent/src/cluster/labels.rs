//! What a policy says about its alerts, by annotations.

use super::sink::Severity;
use super::text::quoted;

/// Words of a kind that a policy may have.
const MOST: usize = 20;
const LONGEST_TAG: usize = 63;

/// Severity, tags and techniques.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// `koney/severity`: overrides what a sink says.
    pub severity: Option<Severity>,
    /// `koney/tags`.
    pub tags: Vec<String>,
    /// `koney/mitre-techniques`.
    pub techniques: Vec<String>,
}

/// A severity, or a phrase that says what is wrong.
pub(super) fn severity(text: &str) -> Result<Severity, String> {
    let known = |severity: &Severity| severity.as_str() == text.trim();
    let all = [Severity::Critical, Severity::High, Severity::Medium, Severity::Low];
    all.into_iter().find(known).ok_or_else(|| format!("unknown severity {}", quoted(text)))
}

/// Words separated by commas, each once; and a phrase for each that cannot be used.
pub(super) fn words(text: &str, is_valid: fn(&str) -> bool) -> (Vec<String>, Vec<String>) {
    let (mut words, mut problems): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
        if !is_valid(word) {
            problems.push(format!("{} cannot be used", quoted(word)));
        } else if words.len() == MOST {
            problems.push(format!("{} is one too many, the most are {MOST}", quoted(word)));
            break;
        } else if !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    (words, problems)
}

/// Letters, digits and `-_.:/`: what every sink can carry without escaping.
pub(super) fn is_tag(word: &str) -> bool {
    word.len() <= LONGEST_TAG && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/".contains(&byte))
}

/// `T1552` or `T1552.001`.
pub(super) fn is_technique(word: &str) -> bool {
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(number) = word.strip_prefix('T') else { return false };
    match number.split_once('.') {
        Some((technique, part)) => digits(technique, 4) && digits(part, 3),
        None => digits(number, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_once_and_the_others_told() {
        let (words, problems) = super::words(" T1552, T1552.001,T1552,,nonsense", is_technique);
        assert_eq!(words, ["T1552", "T1552.001"]);
        assert_eq!(problems, [r#""nonsense" cannot be used"#]);
        let many = (0..30).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
        let (words, problems) = super::words(&many, is_tag);
        assert_eq!((words.len(), problems.len()), (20, 1));
    }

    #[test]
    fn forms_are_checked() {
        for good in ["T0001", "T1552.001"] {
            assert!(is_technique(good), "{good}");
        }
        for bad in ["1552", "T155", "T15520", "T1552.", "T1552.01", "T1552.001.1", "t1552", "T1552 "] {
            assert!(!is_technique(bad), "{bad}");
        }
        assert!(is_tag("team-a/pci.1:x_y") && !is_tag("two words") && !is_tag("a=b") && !is_tag(&"x".repeat(64)));
        assert_eq!(severity(" LOW\n"), Ok(Severity::Low));
        assert_eq!(severity("low"), Err(r#"unknown severity "low""#.to_owned()));
    }
}
