//! Sends one message over a connection (RFC 4975 section 7.1): the octets come from a reader and go out chunk by
//! chunk, so that no more than one is in memory.

use std::io;
use std::time::Instant;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::sleep_until;

use crate::msrp::frame::{Head, Start};
use crate::msrp::ident::Ident;
use crate::msrp::sender::{ChunkError, Failure, Outcome, Sender, SenderConfig};
use crate::msrp::stream::{Decoder, Event, StreamError};
use crate::sip::transport::stream::Stream;

/// Octets read from the connection at once; what comes are answers, which are short.
const READ_AT_ONCE: usize = 4096;

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The connection failed, or the content could not be read.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// The peer closed the connection before it had answered everything.
    #[error("the peer closed the connection")]
    Closed,
    /// What came back is no MSRP.
    #[error("what came back cannot be read")]
    Stream(#[from] StreamError),
    /// The peer refused the message or did not answer.
    #[error(transparent)]
    Refused(#[from] Failure),
    /// The message cannot be put into chunks.
    #[error(transparent)]
    Chunk(#[from] ChunkError),
    /// The content is shorter than was said.
    #[error("the content ended early")]
    Short,
    /// The operating system has no randomness to give.
    #[error("no randomness from the operating system")]
    Entropy(#[from] getrandom::Error),
}

/// A message on its way out.
pub struct Sending {
    sender: Sender,
    decoder: Decoder,
    read: ReadHalf<Stream>,
    write: WriteHalf<Stream>,
    /// Gives names to transactions.
    ident: fn() -> Result<Ident, getrandom::Error>,
}

impl Sending {
    /// Sends over this connection; `ident` gives random names.
    #[must_use]
    pub fn new(
        stream: Stream,
        config: SenderConfig,
        ident: fn() -> Result<Ident, getrandom::Error>,
    ) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self {
            sender: Sender::new(config),
            decoder: Decoder::new(),
            read,
            write,
            ident,
        }
    }

    /// Sends all of `content`; `progress` hears how many octets have gone.
    ///
    /// # Errors
    /// [`SendError`]; the peer may have the message all the same if its answer was lost.
    pub async fn send(
        mut self,
        mut content: impl AsyncRead + Unpin,
        mut progress: impl FnMut(u64),
    ) -> Result<(), SendError> {
        loop {
            match self.sender.outcome() {
                Some(Outcome::Delivered) => return Ok(()),
                Some(Outcome::Failed(failure)) => return Err(failure.into()),
                None => {}
            }
            match self.sender.wanted() {
                Some(range) => {
                    let octets = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
                    self.chunk(&mut content, octets).await?;
                    progress(self.sender.sent());
                }
                None => self.listen().await?,
            }
        }
    }

    async fn chunk(
        &mut self,
        content: &mut (impl AsyncRead + Unpin),
        octets: usize,
    ) -> Result<(), SendError> {
        let mut chunk = vec![0; octets];
        content.read_exact(&mut chunk).await.map_err(|error| {
            if error.kind() == io::ErrorKind::UnexpectedEof {
                SendError::Short
            } else {
                error.into()
            }
        })?;
        let head = loop {
            match self.sender.begin_chunk(&chunk, (self.ident)()?) {
                // By chance the name occurs in the content: another one will not.
                Err(ChunkError::Clash) => {}
                other => break other?,
            }
        };
        self.write.write_all(&head).await?;
        self.write.write_all(&chunk).await?;
        let end = self.sender.end_chunk(octets as u64, Instant::now());
        self.write.write_all(&end).await?;
        self.write.flush().await?;
        Ok(())
    }

    /// Waits for an answer or for the time at which it is late.
    async fn listen(&mut self) -> Result<(), SendError> {
        let mut buffer = BytesMut::with_capacity(READ_AT_ONCE);
        let deadline = self.sender.next_deadline();
        let late = async {
            match deadline {
                Some(at) => sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            octets = self.read.read_buf(&mut buffer) => {
                if octets? == 0 {
                    return Err(SendError::Closed);
                }
                self.decoder.push(&buffer);
                while let Some(event) = self.decoder.next().transpose()? {
                    if let Event::Head(head) = event {
                        self.on_head(&head);
                    }
                }
            }
            () = late => self.sender.on_timer(Instant::now()),
        }
        Ok(())
    }

    fn on_head(&mut self, head: &Head) {
        match head.start {
            Start::Response { .. } => {
                self.sender.on_response(head);
            }
            Start::Request(_) => self.sender.on_report(head),
        }
    }
}
