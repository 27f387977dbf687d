//! What one guest printed, sorted by attach method. Pure.

use super::{facts::Answers, row::Told};
use crate::cli::Attach;

/// The lines around what is said by one method.
pub(crate) const BEGIN: &str = "koney-attach-begin: ";
pub(crate) const END: &str = "koney-attach-end: ";

/// What the suite's program said when it was run by one method.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) attach: Attach,
    /// How many rows it announced.
    pub(crate) announced: Option<usize>,
    pub(crate) rows: Vec<Told>,
    /// Why the kernel lacks the method.
    pub(crate) lacks: Option<String>,
    /// Lines that begin like a message and are none.
    pub(crate) unreadable: Vec<String>,
    /// Its exit status, once it has ended.
    pub(crate) status: Option<String>,
}

/// The output of one guest.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    pub(crate) answers: Answers,
    pub(crate) said: Vec<Said>,
}

/// The shell commands that run `words` once by each method, their ends marked.
pub(crate) fn script(words: &str, methods: &[Attach]) -> String {
    let one = |attach: &Attach| {
        let name = attach.name();
        // The mark has a line of its own, also after output without a line's end.
        format!("echo '{BEGIN}{name}'\n{words} --attach {name}\ncode=$?\necho\necho \"{END}$code\"\n")
    };
    methods.iter().map(one).collect()
}

impl Transcript {
    /// Takes a line; gives what was said by a method that has just ended.
    pub(crate) fn feed(&mut self, line: &str) -> Option<Said> {
        if self.answers.feed(line) {
            return None;
        }
        if let Some(name) = line.strip_prefix(BEGIN) {
            let attach = Attach::ALL.into_iter().find(|attach| attach.name() == name)?;
            let said = Said { attach, announced: None, rows: Vec::new(), lacks: None, unreadable: Vec::new(), status: None };
            self.said.push(said);
            return None;
        }
        let said = self.said.last_mut().filter(|said| said.status.is_none())?;
        if let Some(status) = line.strip_prefix(END) {
            said.status = Some(status.to_owned());
            return Some(said.clone());
        }
        said.feed(line);
        None
    }
}

impl Said {
    fn feed(&mut self, line: &str) {
        // Something without a line's end may stand before a message.
        if let Some((_, json)) = line.split_once("koney-row: ") {
            match serde_json::from_str(json) {
                Ok(told) => self.rows.push(told),
                Err(error) => self.unreadable.push(format!("{error} in {json}")),
            }
        } else if let Some((_, count)) = line.split_once("koney-rows: ") {
            match count.trim().parse() {
                Ok(count) if self.announced.is_none() => self.announced = Some(count),
                _ => self.unreadable.push(line.to_owned()),
            }
        } else if let Some((_, lack)) = line.split_once("koney-lacks: ") {
            match lack.split_once(": ") {
                Some((name, reason)) if name == self.attach.name() => self.lacks = Some(reason.to_owned()),
                _ => self.unreadable.push(line.to_owned()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROW: &str = r#"koney-row: {"id":"E1","title":"t","expected":1,"alerts":1,"missed":0,"skipped":null,"since":null,"holds":true,"detail":null}"#;

    #[test]
    fn each_method_has_its_own_rows() {
        let mut transcript = Transcript::default();
        let text = format!(
            "koney-guest-release: 6.12.1\nnoise\n{BEGIN}lsm\nkoney-rows: 1\nnoise {ROW}\n\n{END}0\n{BEGIN}kprobe\n\
             koney-lacks: kprobe: none\n{END}1\n{ROW}\n"
        );
        let ended: Vec<_> = text.lines().filter_map(|line| transcript.feed(line).map(|said| said.attach)).collect();
        assert_eq!(ended, [Attach::Lsm, Attach::Kprobe]);
        let [lsm, kprobe] = transcript.said.as_slice() else { panic!("two methods") };
        assert_eq!((lsm.announced, lsm.rows.len(), lsm.status.as_deref()), (Some(1), 1, Some("0")));
        assert_eq!((kprobe.rows.len(), kprobe.lacks.as_deref()), (0, Some("none")));
    }

    #[test]
    fn what_cannot_be_read_is_kept() {
        let mut transcript = Transcript::default();
        for line in
            ["koney-attach-begin: lsm", "koney-row: {\"id\":\"E1\"", "koney-rows: many", "koney-lacks: fentry: of another method"]
        {
            transcript.feed(line);
        }
        assert_eq!(transcript.said[0].unreadable.len(), 3);
    }

    #[test]
    fn the_script_runs_every_method() {
        let script = script("/koney-evasion --only E1", &[Attach::Lsm, Attach::Fanotify]);
        assert_eq!(script.matches("/koney-evasion --only E1 --attach ").count(), 2);
        assert!(script.contains("--attach fanotify\n"), "{script}");
    }
}
