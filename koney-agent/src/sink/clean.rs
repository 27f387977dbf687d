//! Texts that others wrote, for places where people read them: on one line, and in the direction in which they are written.

/// Characters that move, hide or turn what is around them become a mark, one each.
pub(super) fn clean(text: &str) -> String {
    text.chars().map(|character| if moves(character) { char::REPLACEMENT_CHARACTER } else { character }).collect()
}

/// Cut to so many characters; a mark says that there was more.
pub(super) fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some(_) => text.chars().take(longest.saturating_sub(1)).chain(['\u{2026}']).collect(),
    }
}

fn moves(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_is_marked_and_the_rest_stays() {
        assert_eq!(
            clean("a\nb\u{1b}[2J\u{202e}c\u{feff}\u{e9}\u{1f600}"),
            "a\u{fffd}b\u{fffd}[2J\u{fffd}c\u{fffd}\u{e9}\u{1f600}"
        );
    }

    #[test]
    fn a_cut_text_says_so() {
        assert_eq!(cut("\u{e9}\u{e9}\u{e9}", 3), "\u{e9}\u{e9}\u{e9}");
        assert_eq!(cut("\u{e9}\u{e9}\u{e9}\u{e9}", 3), "\u{e9}\u{e9}\u{2026}");
    }
}
