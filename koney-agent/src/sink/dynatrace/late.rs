//! What an attempt changes in a kept event: its time, when it comes too late, and its length, when it was too large.

use jiff::{SignedDuration, Timestamp};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

use crate::alert::whole_seconds;
use crate::sink::{Form, Letter};

/// Events older than a day are dropped after a 202; an hour is left for clocks and queues on the way.
const WINDOW: SignedDuration = SignedDuration::from_hours(23);
/// Bytes of one value after the receiver called the event too large.
const LONGEST_VALUE: usize = 256;

/// The event to send now. In its full form and in time it is what was kept, to the byte.
pub(super) fn event(letter: &Letter, form: Form, now: Timestamp) -> Vec<u8> {
    let age = now.duration_since(letter.time);
    let late = age > WINDOW;
    if form == Form::Full && !late {
        return letter.body.clone();
    }
    let Ok(mut event) = serde_json::from_slice::<Fields>(&letter.body) else { return letter.body.clone() };
    if form == Form::Short {
        event.shorten();
    }
    if late {
        event.set("timestamp", whole_seconds(now));
        event.set("koney.delivery.delayed_seconds", age.as_secs().to_string());
    }
    serde_json::to_vec(&event).expect("it was JSON before")
}

/// A JSON object whose keys keep their order.
struct Fields(Vec<(String, Value)>);

impl Fields {
    fn shorten(&mut self) {
        for (_, value) in &mut self.0 {
            if let Value::String(text) = value {
                text.truncate(text.floor_char_boundary(LONGEST_VALUE));
            }
        }
    }

    fn set(&mut self, key: &str, text: String) {
        match self.0.iter_mut().find(|(known, _)| known == key) {
            Some((_, value)) => *value = text.into(),
            None => self.0.push((key.to_owned(), text.into())),
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::{Alert, samples};
    use crate::sink::dynatrace::Finding;

    fn sent(alert: &Alert, form: Form, after: SignedDuration) -> String {
        let letter = samples::letter(&Finding::default(), alert);
        String::from_utf8(event(&letter, form, alert.time + after)).expect("JSON is UTF-8")
    }

    #[test]
    fn after_the_window_the_time_of_sending_is_sent() {
        let alert = samples::in_pod();
        let kept = samples::letter(&Finding::default(), &alert).body;
        assert_eq!(sent(&alert, Form::Full, SignedDuration::ZERO).into_bytes(), kept);
        assert_eq!(sent(&alert, Form::Full, SignedDuration::from_hours(23)).into_bytes(), kept);
        let late = sent(&alert, Form::Full, SignedDuration::new(82_801, 0));
        assert!(late.starts_with(r#"{"timestamp":"2025-07-19T18:39:12Z","koney.deception_policy_name""#), "{late}");
        assert!(late.ends_with(r#","koney.delivery.delayed_seconds":"82801"}"#), "{late}");
        assert!(late.contains(r#""finding.time.created":"2025-07-18T19:39:11Z""#));
        assert!(late.contains(r#""event.start":"2025-07-18T19:39:11.987654321Z""#));
        assert!(late.contains(r#""dt.security.risk.score":8.9,"#) && late.contains(r#""process.pid":9999,"#));
    }

    #[test]
    fn the_short_form_is_cut_between_characters() {
        let alert = samples::with_arguments(&format!("x{}", "\u{e9}".repeat(70_000)));
        let short: Value = serde_json::from_str(&sent(&alert, Form::Short, SignedDuration::ZERO)).expect("valid JSON");
        assert_eq!(short["process.executable.arguments"].as_str().map(str::len), Some(255));
        assert_eq!(short["event.id"], alert.id.as_str());
    }

    #[test]
    fn what_is_no_event_is_sent_as_it_was_kept() {
        let alert = samples::in_pod();
        let letter = Letter { id: alert.id, time: alert.time, body: b"[torn".to_vec() };
        assert_eq!(event(&letter, Form::Short, alert.time), letter.body);
    }
}
