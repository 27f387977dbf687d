//! The sink that is always on: Koney's line, alone on standard output.
//!
//! A thread of its own writes, since a reader that stopped reading blocks the writer for as long as it likes.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::{Action, Answer, Attempt, BatchLimits, Form, Letter, Render, Transport};
use crate::alert::{Alert, line};

/// Writes Koney's line.
#[derive(Clone, Copy, Debug)]
pub struct Line;

/// Hands lines to the thread that writes them.
#[derive(Debug)]
pub struct Lines {
    requests: mpsc::Sender<Request>,
}

#[derive(Debug)]
struct Request {
    line: Vec<u8>,
    done: oneshot::Sender<io::Result<()>>,
}

/// Writes whole lines, whatever became of the one before.
struct LineWriter<W> {
    output: W,
    /// The last write ended within a line.
    torn: bool,
}

impl Lines {
    /// Writes to the standard output of this process.
    pub fn stdout() -> io::Result<Self> {
        // Not through `io::Stdout`: its buffer would keep the rest of a failed line and print it before the next attempt.
        Self::new(File::from(io::stdout().as_fd().try_clone_to_owned()?))
    }

    /// Writes to any output, which must not buffer.
    pub fn new(output: impl Write + Send + 'static) -> io::Result<Self> {
        let (requests, incoming) = mpsc::channel::<Request>();
        std::thread::Builder::new().name("koney-stdout".to_owned()).spawn(move || {
            let mut writer = LineWriter { output, torn: false };
            for Request { line, done } in incoming {
                // Nobody waits for the result any more once the sink was closed.
                drop(done.send(writer.write(line)));
            }
        })?;
        Ok(Self { requests })
    }
}

impl Render for Line {
    fn render(&self, alert: &Alert) -> Vec<u8> {
        line::line(alert).into_bytes()
    }
}

impl Lines {
    async fn write(&self, letter: &Letter) -> Action {
        let (done, result) = oneshot::channel();
        let gone = || Action::Gone { reason: "the thread that writes standard output has ended".to_owned() };
        if self.requests.send(Request { line: letter.body.clone(), done }).is_err() {
            return gone();
        }
        match result.await {
            Ok(Ok(())) => Action::delivered(),
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Action::Gone { reason: "nobody reads standard output any more".to_owned() }
            }
            Ok(Err(error)) => Action::Retry { reason: format!("cannot write to standard output: {error}"), after: None },
            Err(_) => gone(),
        }
    }
}

impl Transport for Lines {
    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    /// A line that fails fails the lines behind it too: their order is that of the accesses.
    fn attempt<'a>(&'a self, batch: &'a [Letter], _: Form) -> Attempt<'a> {
        Box::pin(async move {
            let mut actions: Vec<Action> = Vec::with_capacity(batch.len());
            for letter in batch {
                let action = match actions.last() {
                    Some(failed @ (Action::Retry { .. } | Action::Gone { .. })) => failed.clone(),
                    _ => self.write(letter).await,
                };
                actions.push(action);
            }
            Answer::Each(actions)
        })
    }
}

impl<W: Write> LineWriter<W> {
    fn write(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        bytes.push(b'\n');
        if self.torn {
            bytes.insert(0, b'\n');
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            match self.output.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    let (done, left) = rest.split_at(written);
                    self.torn = done.last() != Some(&b'\n');
                    rest = left;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.output.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;

    /// Takes what it is scripted to take, then everything.
    struct Script {
        steps: Vec<io::Result<usize>>,
        written: Vec<u8>,
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = if self.steps.is_empty() { bytes.len() } else { self.steps.remove(0)?.min(bytes.len()) };
            self.written.extend(bytes.iter().take(taken));
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn failed(kind: io::ErrorKind) -> io::Result<usize> {
        Err(kind.into())
    }

    #[test]
    fn a_torn_line_does_not_spoil_the_next() {
        let steps = vec![Ok(3), failed(io::ErrorKind::StorageFull), Ok(1), failed(io::ErrorKind::Interrupted)];
        let mut writer = LineWriter { output: Script { steps, written: Vec::new() }, torn: false };
        assert!(writer.write(b"{\"a\"}".to_vec()).is_err());
        writer.write(b"{\"a\"}".to_vec()).expect("the script has no more failures");
        writer.write(b"{}".to_vec()).expect("the script has no more failures");
        assert_eq!(writer.output.written, b"{\"a\n{\"a\"}\n{}\n");
    }

    #[tokio::test]
    async fn what_became_of_the_line_decides() {
        let steps = vec![failed(io::ErrorKind::StorageFull), failed(io::ErrorKind::BrokenPipe)];
        let lines = Lines::new(Script { steps, written: Vec::new() }).expect("a thread");
        let batch = vec![samples::letter(&Line, &samples::in_pod()); 2];
        let Answer::Each(actions) = lines.attempt(&batch, Form::Full).await else { panic!("each line has its own") };
        assert!(matches!(actions.as_slice(), [Action::Retry { after: None, .. }, Action::Retry { .. }]), "{actions:?}");
        let Answer::Each(actions) = lines.attempt(&batch, Form::Full).await else { panic!("each line has its own") };
        assert!(matches!(actions.as_slice(), [Action::Gone { .. }, Action::Gone { .. }]), "{actions:?}");
        assert_eq!(lines.attempt(&batch, Form::Full).await, Answer::Each(vec![Action::delivered(); 2]));
    }
}
