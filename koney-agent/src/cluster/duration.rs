//! Durations as Kubernetes' tools write them: `90s`, `5m`, `1h30m`.

use std::time::Duration;

/// Reads whole hours, minutes and seconds, in this order; `None` for anything else.
#[must_use]
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut seconds: u64 = 0;
    for (unit, length) in [('h', 3600), ('m', 60), ('s', 1)] {
        let Some((number, behind)) = rest.split_once(unit) else { continue };
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        seconds = seconds.checked_add(number.parse::<u64>().ok()?.checked_mul(length)?)?;
        rest = behind;
    }
    (rest.is_empty() && !text.is_empty()).then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_units_are_read() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("1h", 3600), ("1h30m", 5400), ("1h0m5s", 3605), ("0s", 0)] {
            assert_eq!(duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "m", "-5m", "1.5h", "5m1h", "5ms", " 5m", "1h 5m", "99999999999999999999h", "18446744073709551615h"]
        {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
