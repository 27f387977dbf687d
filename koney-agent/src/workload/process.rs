//! What the record could not hold, from `/proc`, while the process is still the same one.
//!
//! Reading another process's memory by way of `/proc` waits for locks that this process holds (`fs/proc/base.c`, `get_mm_cmdline`),
//! and a hostile one can make that last. So a thread of its own reads, the stream waits a moment at most, and only so often.

use std::{
    fs::File,
    io::Read as _,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::{Duration, Instant},
};

use procfs::process::Process;

use super::describe;
use crate::event::{Subject, arguments};

/// Longest text taken from `/proc`, as long as the record's own.
const LONGEST: u64 = 2048;
/// How long the stream waits for one process.
const PATIENCE: Duration = Duration::from_millis(20);
/// How much of each second may go into waiting.
const BUDGET: Duration = Duration::from_millis(200);

/// Fills gaps in what the kernel told. A record is normally whole; a page of arguments that is not resident is the usual gap.
#[derive(Default)]
pub struct Completer {
    helper: Option<Helper>,
    window: Option<(Instant, Duration)>,
}

struct Helper {
    ask: SyncSender<Question>,
    answers: Receiver<Answer>,
    /// Question not answered yet: the helper hangs, and is left alone until it comes back.
    waiting: bool,
}

struct Question {
    pid: i32,
    start_ns: u64,
}

#[derive(Default)]
struct Answer {
    arguments: Option<(Vec<String>, bool)>,
    executable: Option<String>,
    cwd: Option<String>,
}

impl Completer {
    /// Fills in what is missing, as far as `/proc` tells it in time.
    pub fn complete(&mut self, subject: &mut Subject) {
        if subject.kernel_thread || (subject.arguments.is_some() && subject.executable.is_some() && subject.cwd.is_some()) {
            return;
        }
        let (Some(Ok(pid)), Some(start_ns)) = (subject.pid.map(i32::try_from), subject.start_ns) else { return };
        if !self.may_wait() {
            return;
        }
        let started = Instant::now();
        let answer = self.ask(Question { pid, start_ns }).unwrap_or_default();
        if let Some((_, spent)) = &mut self.window {
            *spent += started.elapsed();
        }
        if let (None, Some((words, truncated))) = (&subject.arguments, answer.arguments) {
            subject.arguments = Some(words);
            subject.arguments_truncated |= truncated;
        }
        subject.executable = subject.executable.take().or(answer.executable);
        subject.cwd = subject.cwd.take().or(answer.cwd);
    }

    /// All that `/proc` tells of a process of which only the number is known; where it has ended, nothing.
    ///
    /// Nobody vouches that the number is still that of the same process. What goes with the process's memory is read first: the rest is
    /// there until its parent has heard of its end.
    pub fn describe(&mut self, pid: Option<u32>) -> Subject {
        let mut subject = Subject { pid, ..Subject::default() };
        // Of no use but to tell alerts apart: the number counts in the agent's pid namespace.
        (subject.init_pid, subject.init_tid) = (pid.unwrap_or(0), pid.unwrap_or(0));
        // The handle stays with this process: nothing below can be another one's.
        let process = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(|pid| Process::new(pid).ok());
        if let Some(process) = process {
            describe::running(&process, &mut subject);
            self.complete(&mut subject);
            describe::ended(&process, &mut subject);
        }
        subject
    }

    fn may_wait(&mut self) -> bool {
        let (started, spent) = self.window.get_or_insert_with(|| (Instant::now(), Duration::ZERO));
        if started.elapsed() > Duration::from_secs(1) {
            (*started, *spent) = (Instant::now(), Duration::ZERO);
        }
        *spent < BUDGET
    }

    fn ask(&mut self, question: Question) -> Option<Answer> {
        if self.helper.is_none() {
            self.helper = Helper::start();
        }
        let helper = self.helper.as_mut()?;
        if helper.waiting {
            // Whatever it brings now belongs to an earlier question.
            helper.answers.try_recv().ok()?;
            helper.waiting = false;
        }
        helper.ask.try_send(question).ok()?;
        let answer = helper.answers.recv_timeout(PATIENCE).ok();
        helper.waiting = answer.is_none();
        answer
    }
}

impl Helper {
    fn start() -> Option<Self> {
        let (ask, questions) = sync_channel::<Question>(1);
        let (tell, answers) = sync_channel(1);
        let read = move || {
            while let Ok(question) = questions.recv() {
                if tell.send(answer(&question)).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new().name("koney-proc".to_owned()).spawn(read).ok()?;
        Some(Self { ask, answers, waiting: false })
    }
}

/// `/proc` is trusted only when the process there started when the record's did: process ids are used again.
fn answer(question: &Question) -> Answer {
    let Ok(process) = Process::new(question.pid) else { return Answer::default() };
    if describe::stat(&process).map(|stat| stat.start_ticks) != Some(question.start_ns / describe::tick_ns()) {
        return Answer::default();
    }
    Answer {
        arguments: File::open(format!("/proc/{}/cmdline", question.pid)).ok().and_then(|file| command_line(&file)),
        executable: process.exe().ok().map(|path| path.to_string_lossy().into_owned()),
        cwd: process.cwd().ok().map(|path| path.to_string_lossy().into_owned()),
    }
}

fn command_line(file: &File) -> Option<(Vec<String>, bool)> {
    let mut bytes = Vec::new();
    file.take(LONGEST + 1).read_to_end(&mut bytes).ok()?;
    let truncated = bytes.len() as u64 > LONGEST;
    bytes.truncate(usize::try_from(LONGEST).unwrap_or(usize::MAX));
    (!bytes.is_empty()).then(|| (arguments(&bytes), truncated))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn myself() -> Subject {
        let stat = Process::myself().and_then(|me| me.stat()).expect("own stat");
        let tick = 1_000_000_000 / procfs::ticks_per_second();
        Subject { pid: Some(std::process::id()), start_ns: Some(stat.starttime * tick + tick / 2), ..Subject::default() }
    }

    #[test]
    fn gaps_are_filled_for_the_same_process() {
        let subject = myself();
        let question = Question { pid: std::process::id().cast_signed(), start_ns: subject.start_ns.expect("known") };
        let told = answer(&question);
        assert_eq!(told.cwd, std::env::current_dir().ok().map(|path| path.display().to_string()));
        assert!(told.executable.is_some_and(|path| path.contains("koney_agent")));
        assert!(told.arguments.is_some_and(|(words, truncated)| !words.is_empty() && !truncated));
    }

    #[test]
    fn what_the_record_has_is_left_alone() {
        let mut subject = Subject { cwd: Some("/as/recorded".to_owned()), ..myself() };
        Completer::default().complete(&mut subject);
        assert_eq!(subject.cwd.as_deref(), Some("/as/recorded"));
    }

    #[test]
    fn another_start_time_is_another_process() {
        let told = answer(&Question { pid: std::process::id().cast_signed(), start_ns: 1 });
        assert!(told.executable.is_none() && told.arguments.is_none() && told.cwd.is_none());
    }

    #[test]
    fn long_command_lines_are_cut_and_marked() {
        let mut file = tempfile::tempfile().expect("temporary file");
        std::io::Write::write_all(&mut file, &vec![b'x'; 5000]).expect("write");
        std::io::Seek::rewind(&mut file).expect("rewind");
        let (words, truncated) = command_line(&file).expect("there is text");
        assert_eq!((words[0].len(), truncated), (2048, true));
    }
}
