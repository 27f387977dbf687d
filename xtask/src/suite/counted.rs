//! Reads what the counting program says, and holds it against the bounds. Pure.

use serde::Deserialize;

use super::transcript::{BEGIN, END};
use crate::{cli::Attach, counts::Counts};

/// The most that an open and close may cost over a program that does nothing: by LSM or fentry, and by kprobe.
const MOST: f64 = 250.0;
const MOST_BY_KPROBE: f64 = 600.0;

/// What one attach method came to.
#[derive(Debug)]
pub(crate) struct Run {
    name: String,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Counted(Counted),
    Lacks(String),
    Failed(String),
}

/// The program's message: instructions, those of the operations as what is added.
#[derive(Clone, Debug, Deserialize)]
struct Counted {
    base: f64,
    floor: f64,
    added: f64,
    read: f64,
    write: f64,
    stat: f64,
    /// How far two counts with nothing attached are apart.
    noise: f64,
}

/// One run for each method that was asked for.
pub(crate) fn read(said: &str, methods: &[Attach]) -> Vec<Run> {
    methods.iter().map(|attach| Run { name: attach.name().to_owned(), outcome: outcome(said, attach.name()) }).collect()
}

fn outcome(said: &str, name: &str) -> Outcome {
    let mut lines = said.lines().skip_while(|line| line.strip_prefix(BEGIN) != Some(name)).skip(1);
    let mut counted = None;
    let mut lacks = None;
    let mut last = "";
    let status = lines.by_ref().find_map(|line| {
        if let Some((_, json)) = line.split_once("koney-count: ") {
            counted = Some(serde_json::from_str::<Counted>(json));
        } else if let Some((_, reason)) = line.split_once("koney-lacks: ") {
            lacks = Some(reason.to_owned());
        } else if !line.is_empty() && !line.starts_with(END) {
            last = line;
        }
        line.strip_prefix(END)
    });
    match (status, counted, lacks) {
        (Some("0"), Some(Ok(counted)), None) => Outcome::Counted(counted),
        (Some("0"), None, Some(reason)) => Outcome::Lacks(reason),
        (Some("0"), Some(Err(error)), _) => Outcome::Failed(format!("its message is unreadable: {error}")),
        (Some(status), ..) => Outcome::Failed(format!("its program ended with status {status}: {last}")),
        (None, ..) => Outcome::Failed("its program did not end".to_owned()),
    }
}

/// The table of one guest, and what is wrong with it.
pub(crate) fn table(guest: &str, runs: &[Run]) -> Vec<String> {
    let mut lines =
        vec![format!("{guest:<8}  open+close  floor  added  over floor   most   read  write   stat  noise  (instructions)")];
    for run in runs {
        let name = &run.name;
        match &run.outcome {
            Outcome::Counted(counted) => {
                let Counted { base, floor, added, read, write, stat, noise } = counted;
                let (over, most) = (added - floor, most(name));
                lines.push(format!(
                    "{name:<8}  {base:>10.1}  {floor:>5.1}  {added:>5.1}  {over:>10.1}  {most:>5.0}  {read:>5.1}  {write:>5.1}  {stat:>5.1}  {noise:>5.1}"
                ));
                lines.extend(counted.wrong(name).into_iter().map(|wrong| format!("FAILED {guest} {name}: {wrong}")));
            }
            Outcome::Lacks(reason) => lines.push(format!("SKIPPED {guest} {reason}")),
            Outcome::Failed(reason) => lines.push(format!("FAILED {guest} {name}: {reason}")),
        }
    }
    lines
}

fn most(name: &str) -> f64 {
    if name == Attach::Kprobe.name() { MOST_BY_KPROBE } else { MOST }
}

impl Counted {
    fn wrong(&self, name: &str) -> Vec<String> {
        let mut wrong = Vec::new();
        let (over, most) = (self.added - self.floor, most(name));
        if over > most {
            wrong.push(format!("an open and close costs {over:.1} over the floor, more than {most}"));
        }
        for (operation, added) in [("read", self.read), ("write", self.write), ("stat", self.stat)] {
            if added.abs() > self.noise.max(1.0) {
                wrong.push(format!("{added:.1} are added to {operation}, where nothing is to be attached"));
            }
        }
        wrong
    }
}

impl Run {
    /// What failed outside of any method.
    pub(crate) fn failed(name: &str, why: String) -> Self {
        Self { name: name.to_owned(), outcome: Outcome::Failed(why) }
    }

    /// One run, as passed, failed or skipped.
    pub(crate) fn counts(&self) -> Counts {
        match &self.outcome {
            Outcome::Counted(counted) if counted.wrong(&self.name).is_empty() => Counts { passed: 1, ..Counts::default() },
            Outcome::Counted(_) | Outcome::Failed(_) => Counts { failed: 1, ..Counts::default() },
            Outcome::Lacks(_) => Counts { skipped: 1, ..Counts::default() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(method: &str, added: f64, read: f64) -> String {
        format!(
            "{BEGIN}{method}\nkoney-count: {{\"kernel\":\"6.12\",\"attach\":\"{method}\",\"base\":5456.7,\"floor\":129.0,\"with\":1,\
             \"added\":{added},\"read\":{read},\"write\":0,\"stat\":0,\"noise\":0.5}}\n\n{END}0\n"
        )
    }

    fn one(said: &str, attach: Attach) -> Run {
        read(said, &[attach]).remove(0)
    }

    #[test]
    fn the_bound_is_over_the_floor_and_wider_for_kprobe() {
        let failed = |said: &str, attach| one(said, attach).counts().failed;
        assert_eq!(failed(&said("lsm", 379.0, 0.0), Attach::Lsm), 0);
        assert_eq!(failed(&said("lsm", 379.1, 0.0), Attach::Lsm), 1);
        assert_eq!(failed(&said("kprobe", 729.0, 0.0), Attach::Kprobe), 0);
        assert_eq!(failed(&said("kprobe", 729.1, 0.0), Attach::Kprobe), 1);
    }

    #[test]
    fn nothing_may_be_added_to_a_read() {
        let run = one(&said("lsm", 200.0, 12.0), Attach::Lsm);
        assert_eq!(run.counts().failed, 1);
        let lines = table("6.12", &[run]);
        assert!(lines.iter().any(|line| line.contains("12.0 are added to read")), "{lines:?}");
    }

    #[test]
    fn a_program_that_does_not_end_well_is_a_failure_and_a_lack_is_a_skip() {
        let crashed = format!("{BEGIN}lsm\nError: no object\n\n{END}1\n");
        assert!(table("6.12", &[one(&crashed, Attach::Lsm)])[1].contains("status 1: Error: no object"));
        assert_eq!(one(&format!("{BEGIN}lsm\n"), Attach::Lsm).counts().failed, 1);
        assert_eq!(one("", Attach::Lsm).counts().failed, 1);
        let lacks = format!("{BEGIN}lsm\nkoney-lacks: lsm: no bpf\n\n{END}0\n");
        assert_eq!(one(&lacks, Attach::Lsm).counts().skipped, 1);
        let both = said("lsm", 1000.0, 0.0) + &said("fentry", 200.0, 0.0);
        assert_eq!(one(&both, Attach::Fentry).counts().passed, 1);
    }
}
