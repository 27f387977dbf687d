//! One attempt: a connection, the messages, and the sign that they were read.
//!
//! Syslog has no acknowledgement. What comes nearest: we say that there is no more, and the receiver, which has read everything up to
//! there, closes its side too. A connection is therefore used for one batch.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Config, connection, response};
use crate::sink::{Action, Attempt, BatchLimits, Form, Letter, Transport, Trial, Trying};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(15);
/// For the receiver to close its side.
const FAREWELL: Duration = Duration::from_secs(3);

/// Sends messages to one receiver.
#[derive(Debug)]
pub struct Client {
    config: Config,
}

impl Client {
    /// Touches neither network nor disk yet.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self { config }
    }

    async fn send(&self, batch: &[Letter]) -> Action {
        match timeout(ATTEMPT_TIMEOUT, self.attempt_in_time(batch)).await {
            Ok(action) => action,
            Err(_) => response::late(&self.config.host),
        }
    }

    async fn attempt_in_time(&self, batch: &[Letter]) -> Action {
        let host = &self.config.host;
        let connecting = timeout(CONNECT_TIMEOUT, connection::connect(&self.config));
        let Ok(connected) = connecting.await else { return response::late(host) };
        let mut stream = match connected {
            Ok(stream) => stream,
            Err(error) => return response::connect(host, &error),
        };
        match deliver(&mut stream, &frames(batch)).await {
            Ok(answered) => response::delivered(answered),
            Err(error) => response::broken(host, &error),
        }
    }
}

impl Transport for Client {
    fn limits(&self) -> BatchLimits {
        BatchLimits::USUAL
    }

    /// A message is never longer than what receivers take: there is no shorter form.
    fn attempt<'a>(&'a self, batch: &'a [Letter], _: Form) -> Attempt<'a> {
        Box::pin(async move { self.send(batch).await.into() })
    }

    fn trial<'a>(&'a self, letter: &'a Letter) -> Trying<'a> {
        Box::pin(async move {
            let action = self.send(std::slice::from_ref(letter)).await;
            let said = (action == Action::delivered()).then(|| response::READ.to_owned());
            Trial { answer: action.into(), said }
        })
    }
}

/// Octet counting (RFC 5425, section 4.3; RFC 6587 without TLS): the length in digits, a space, the message.
fn frames(batch: &[Letter]) -> Vec<u8> {
    batch.iter().flat_map(|letter| [format!("{} ", letter.body.len()).as_bytes(), &letter.body].concat()).collect()
}

/// True where the receiver has closed its side, too.
async fn deliver(stream: &mut Box<dyn connection::Stream>, frames: &[u8]) -> io::Result<bool> {
    if let Err(error) = write(stream, frames).await {
        return Err(last_word(stream).await.unwrap_or(error));
    }
    let mut ignored = [0; 256];
    let farewell = async {
        loop {
            match stream.read(&mut ignored).await {
                // Some close without saying so in TLS: they have read to our end all the same.
                Ok(0) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
        }
    };
    match timeout(FAREWELL, farewell).await {
        Ok(read) => read.map(|()| true),
        Err(_) => Ok(false),
    }
}

async fn write(stream: &mut Box<dyn connection::Stream>, frames: &[u8]) -> io::Result<()> {
    stream.write_all(frames).await?;
    stream.flush().await?;
    stream.shutdown().await
}

/// Why the receiver has closed, where it has said so: with TLS 1.3 it looks at our certificate when the handshake is over for us.
async fn last_word(stream: &mut Box<dyn connection::Stream>) -> Option<io::Error> {
    let said = timeout(FAREWELL, stream.read(&mut [0; 256])).await.ok()?;
    said.err().filter(|error| error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::samples;
    use crate::sink::syslog::Message;

    #[test]
    fn a_frame_counts_bytes() {
        let letter = |body: &str| Letter { body: body.into(), ..samples::letter(&Message::default(), &samples::in_pod()) };
        assert_eq!(frames(&[letter("\u{e9}a"), letter("b")]), "3 \u{e9}a1 b".as_bytes());
    }
}
