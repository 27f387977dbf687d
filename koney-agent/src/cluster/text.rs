//! Strings that someone else wrote, made safe for one line of a log.

/// Characters of a foreign string that a message repeats; enough to recognise it, too few to bury the reason.
const SHOWN_CHARS: usize = 80;

/// Quotes a foreign string, escapes what could forge or break a log line, and bounds its length.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

/// As [`quoted`], without the quotes.
pub(super) fn shown(text: &str) -> String {
    bounded(
        &text
            .chars()
            .take(SHOWN_CHARS + 1)
            .collect::<String>()
            .escape_debug()
            .to_string(),
        SHOWN_CHARS,
    )
}

/// At most `limit` characters of a text, with a mark where it was cut.
pub(super) fn bounded(text: &str, limit: usize) -> String {
    let mut chars = text.chars();
    let mut kept: String = chars.by_ref().take(limit).collect();
    if chars.next().is_some() {
        kept.push('…');
    }
    kept
}

/// The known name a misspelt one was probably meant to be.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Two edits catch a swapped, dropped or doubled letter; short names must agree more closely or everything matches.
    let limit = if name.chars().count() <= 4 { 1 } else { 2 };
    let wanted = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance; a hostile key is cut so that the cost stays constant.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(SHOWN_CHARS).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (above, letter) in left.chars().take(SHOWN_CHARS).enumerate() {
        let mut diagonal = row[0];
        row[0] = above + 1;
        for (column, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_escaped_and_bounded() {
        assert_eq!(quoted("a\n\u{1b}[31m\""), r#""a\n\u{1b}[31m\"""#);
        let long = shown(&"x".repeat(10_000));
        assert_eq!(long.chars().count(), SHOWN_CHARS + 1);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn nearest_finds_misspellings_only() {
        let known = ["filePath", "fileContent", "readOnly"];
        assert_eq!(nearest("filepath", known), Some("filePath"));
        assert_eq!(nearest("filePaht", known), Some("filePath"));
        assert_eq!(nearest("mode", known), None);
    }
}
