//! Who is expected to read decoys: a backup, a scanner.

use std::{collections::BTreeMap, path::PathBuf, str::FromStr};

use super::{pods::Pod, text::quoted};

/// Somebody who may read decoys. Known by what a workload cannot choose for itself: never by a process's name or arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reader {
    /// Processes of the host that run this file, by its absolute path.
    Program(PathBuf),
    /// The processes of these pods.
    Pods(PodSelector),
}

/// Pods of one namespace, by their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodSelector {
    namespace: String,
    labels: BTreeMap<String, String>,
}

impl PodSelector {
    /// The pod is in the namespace and has all labels.
    #[must_use]
    pub fn selects(&self, pod: &Pod) -> bool {
        pod.namespace == self.namespace && self.labels.iter().all(|(key, value)| pod.labels.get(key) == Some(value))
    }
}

/// `/usr/bin/restic`, `backup`, or `backup/app=restic,tier=node`. Errors are phrases that begin with what is wrong.
impl FromStr for Reader {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with('/') {
            return Ok(Self::Program(text.into()));
        }
        let (namespace, labels) = text.split_once('/').unwrap_or((text, ""));
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if namespace.is_empty() || namespace.len() > 63 || !namespace.bytes().all(inside) {
            return Err(format!("{} is neither an absolute path nor a namespace", quoted(namespace)));
        }
        let label = |label: &str| match label.split_once('=') {
            Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
            _ => Err(format!("{} is no label; write it as name=value", quoted(label))),
        };
        let labels = labels.split(',').filter(|label| !label.is_empty()).map(label).collect::<Result<_, _>>()?;
        Ok(Self::Pods(PodSelector { namespace: namespace.to_owned(), labels }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(text: &str) -> PodSelector {
        match text.parse() {
            Ok(Reader::Pods(pods)) => pods,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_path_is_a_program_and_the_rest_are_pods() {
        assert_eq!("/usr/bin/restic".parse(), Ok(Reader::Program("/usr/bin/restic".into())));
        let labels = [("app".to_owned(), "restic".to_owned()), ("node".to_owned(), String::new())].into();
        let pod = Pod { namespace: "backup".to_owned(), labels, ..Pod::default() };
        for selector in ["backup", "backup/", "backup/app=restic", "backup/app=restic,node="] {
            assert!(pods(selector).selects(&pod), "{selector}");
        }
        for selector in ["backups", "backup/app=velero", "backup/tier=", "backup/app=restic,tier=a"] {
            assert!(!pods(selector).selects(&pod), "{selector}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, expected) in [
            ("", "\"\" is neither an absolute path nor a namespace"),
            ("Backup", "\"Backup\" is neither an absolute path nor a namespace"),
            ("usr/bin/restic", "\"bin/restic\" is no label; write it as name=value"),
            ("backup/app", "\"app\" is no label; write it as name=value"),
            ("backup/=x", "\"=x\" is no label; write it as name=value"),
        ] {
            assert_eq!(text.parse::<Reader>(), Err(expected.to_owned()), "{text}");
        }
    }
}
