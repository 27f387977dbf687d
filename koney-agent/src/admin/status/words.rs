//! Numbers and times as people read them.

use jiff::{Timestamp, fmt::strtime};

use crate::plain::line;

/// With a separator for thousands.
pub(super) fn number(value: impl TryInto<u64>) -> String {
    let digits = value.try_into().unwrap_or(u64::MAX).to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How long ago, in one unit.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86_400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

/// To the second, in UTC.
pub(super) fn time(time: Timestamp) -> String {
    strtime::format("%Y-%m-%d %H:%M:%S", time).unwrap_or_default()
}

/// The same for programs.
pub(super) fn machine(time: Timestamp) -> String {
    strtime::format("%Y-%m-%dT%H:%M:%SZ", time).unwrap_or_default()
}

/// What somebody else wrote, on one line and at most so long. The beginning of a path says less than its end, and of the end more is kept.
pub(super) fn shown(text: &str, longest: usize) -> String {
    let text = line(text);
    let length = text.chars().count();
    if length <= longest || longest < 3 {
        return text;
    }
    let head = (longest - 1) / 3;
    let tail = longest - 1 - head;
    text.chars().take(head).chain(['\u{2026}']).chain(text.chars().skip(length - tail)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_long_texts_are_readable() {
        assert_eq!([0_u64, 999, 1000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
        let now = Timestamp::from_second(1_000_000).expect("a time");
        let before = |seconds: i64| ago(Timestamp::from_second(1_000_000 - seconds).expect("a time"), now);
        assert_eq!(
            [-5, 0, 59, 60, 7199, 86_400].map(before),
            ["0 s ago", "0 s ago", "59 s ago", "1 min ago", "1 h ago", "1 d ago"]
        );
        assert_eq!((time(now), machine(now)), ("1970-01-12 13:46:40".to_owned(), "1970-01-12T13:46:40Z".to_owned()));
        assert_eq!(shown("/a/very/long/path/to/service_token", 20), "/a/ver\u{2026}service_token");
        assert_eq!(shown("short\n", 20), "short\\n");
    }
}
