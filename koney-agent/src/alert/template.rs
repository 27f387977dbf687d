//! Sentences that an operator writes, with places for what is known of an alert: `{severity}: {sentence} ({cluster})`.

use super::sentence::sentence;
use super::{Alert, Severity};

/// Bytes of a template.
const LONGEST: usize = 2000;
const NAMES: [(&str, Place); 15] = [
    ("sentence", Place::Sentence),
    ("severity", Place::Severity),
    ("kind", Place::Kind),
    ("policy", Place::Policy),
    ("trap", Place::Trap),
    ("cluster", Place::Cluster),
    ("node", Place::Node),
    ("namespace", Place::Namespace),
    ("pod", Place::Pod),
    ("container", Place::Container),
    ("executable", Place::Executable),
    ("arguments", Place::Arguments),
    ("uid", Place::Uid),
    ("time", Place::Time),
    ("id", Place::Id),
];

/// A template that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Place(Place),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Sentence,
    Severity,
    Kind,
    Policy,
    Trap,
    Cluster,
    Node,
    Namespace,
    Pod,
    Container,
    Executable,
    Arguments,
    Uid,
    Time,
    Id,
}

impl Template {
    /// Reads a template; `{{` and `}}` are braces. Errors are phrases that begin with what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("has {} bytes, the most are {LONGEST}", text.len()));
        }
        let (mut parts, mut plain) = (Vec::new(), String::new());
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            let doubled =
                rest.strip_prefix("{{").map(|rest| ('{', rest)).or_else(|| rest.strip_prefix("}}").map(|rest| ('}', rest)));
            if let Some((brace, behind)) = doubled {
                plain.push(brace);
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix('{') {
                let (name, behind) = behind.split_once('}').ok_or("has a `{` without its `}`")?;
                let place = NAMES.iter().find(|(known, _)| *known == name).ok_or("has a place that is not known")?;
                parts.push(Part::Text(std::mem::take(&mut plain)));
                parts.push(Part::Place(place.1));
                rest = behind;
            } else if next == '}' {
                return Err("has a `}` without its `{`".to_owned());
            } else {
                plain.push(next);
                rest = rest.strip_prefix(next).unwrap_or_default();
            }
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// What a place may be called, in one text.
    #[must_use]
    pub fn places() -> String {
        NAMES.iter().map(|(name, _)| format!("{{{name}}}")).collect::<Vec<_>>().join(" ")
    }

    /// Fills it in. `write` makes what others wrote fit for where it is read; what is not known is `?`.
    #[must_use]
    pub fn fill(&self, alert: &Alert, severity: Severity, write: impl Fn(&str) -> String) -> String {
        let parts = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Place(place) => write(place.of(alert, severity).filter(|value| !value.is_empty()).as_deref().unwrap_or("?")),
        });
        parts.collect()
    }
}

impl Default for Template {
    fn default() -> Self {
        Self(vec![Part::Place(Place::Severity), Part::Text(": ".to_owned()), Part::Place(Place::Sentence)])
    }
}

impl Place {
    fn of(self, alert: &Alert, severity: Severity) -> Option<String> {
        let container = alert.container();
        let process = alert.process.as_ref();
        match self {
            Self::Sentence => Some(sentence(alert)),
            Self::Severity => Some(alert.severity(severity).level().to_owned()),
            Self::Kind => Some(alert.kind().to_owned()),
            Self::Policy => alert.policy.clone(),
            Self::Trap => alert.trap.target().map(str::to_owned),
            Self::Cluster => alert.cluster.clone(),
            Self::Node => alert.node_name().map(str::to_owned),
            Self::Namespace => Some(container?.namespace.clone()),
            Self::Pod => Some(container?.pod.clone()),
            Self::Container => Some(container?.name.clone()),
            Self::Executable => process?.executable.clone(),
            Self::Arguments => process?.arguments.clone(),
            Self::Uid => Some(process?.uid?.to_string()),
            Self::Time => Some(alert.time_in_seconds()),
            Self::Id => Some(alert.id.as_str().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn filled(template: &str, alert: &Alert) -> String {
        Template::parse(template).expect(template).fill(alert, Severity::High, |value| format!("<{value}>"))
    }

    #[test]
    fn places_are_filled_and_only_they_are_written() {
        assert_eq!(filled("{{x}} {severity}: b {uid}", &samples::in_pod()), "{x} <HIGH>: b <0>");
        let every = Template::places();
        assert!(!filled(&every, &samples::labelled()).contains('?'), "{every}");
        let sentence = Template::default().fill(&samples::on_host(), Severity::Low, str::to_owned);
        assert_eq!(sentence, "LOW: Access to honeytoken (/run/secrets/koney/service_token) on host (web-1) detected");
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (template, expected) in [
            ("{pid}", "has a place that is not known"),
            ("a { b", "has a `{` without its `}`"),
            ("a } b", "has a `}` without its `{`"),
            (&"x".repeat(2001), "has 2001 bytes, the most are 2000"),
        ] {
            assert_eq!(Template::parse(template), Err(expected.to_owned()));
        }
    }

    #[test]
    fn what_others_wrote_is_no_template() {
        let text = filled("{arguments}", &samples::with_arguments("{policy} {{"));
        assert_eq!(text, "<{policy} {{>");
        assert_eq!(filled("{cluster}/{namespace}", &samples::on_host()), "<?>/<?>");
    }
}
