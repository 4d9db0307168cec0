//! Octets over a connected socket. What is to be sent waits in a queue, so that whoever waits for a message may
//! stop waiting at any moment without a message being cut off.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UdpSocket;

use super::AskError;
use crate::sip::framer::{Frame, Framer};
use crate::sip::message::Message;

/// No datagram is longer.
const MAX_DATAGRAM: usize = 65_536;
/// The largest message read from a stream, in octets.
const MAX_MESSAGE: usize = 1024 * 1024;

/// A connected socket and what is to be sent over it.
pub(super) struct Wire {
    socket: Socket,
    queue: VecDeque<Bytes>,
    /// Whether what was written may still stand in a buffer of ours.
    buffered: bool,
}

enum Socket {
    Datagram(UdpSocket, Vec<u8>),
    Stream(Box<dyn Stream>, Box<Framer>, BytesMut),
}

/// A connection, behind TLS or not.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Wire {
    pub(super) fn datagram(socket: UdpSocket) -> Self {
        Self::new(Socket::Datagram(socket, vec![0; MAX_DATAGRAM]))
    }

    pub(super) fn stream<S>(stream: S) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let framer = Box::new(Framer::new(MAX_MESSAGE));
        Self::new(Socket::Stream(Box::new(stream), framer, BytesMut::new()))
    }

    fn new(socket: Socket) -> Self {
        Self {
            socket,
            queue: VecDeque::new(),
            buffered: false,
        }
    }

    /// Sends a message as soon as [`Wire::flush`] or [`Wire::receive`] is waited for.
    pub(super) fn queue(&mut self, bytes: Bytes) {
        self.queue.push_back(bytes);
    }

    /// Sends what is queued. May be dropped and called again.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        while let Some(first) = self.queue.front_mut() {
            match &mut self.socket {
                Socket::Datagram(socket, _) => {
                    socket.send(first).await?;
                    first.clear();
                }
                Socket::Stream(stream, _, _) => {
                    let written = stream.write(first).await?;
                    if written == 0 {
                        return Err(io::ErrorKind::WriteZero.into());
                    }
                    first.advance(written);
                    self.buffered = true;
                }
            }
            if first.is_empty() {
                self.queue.pop_front();
            }
        }
        if let Socket::Stream(stream, _, _) = &mut self.socket
            && self.buffered
        {
            stream.flush().await?;
            self.buffered = false;
        }
        Ok(())
    }

    /// Sends what is queued, then waits for the next message. May be dropped and called again.
    pub(super) async fn receive(&mut self) -> Result<Message, AskError> {
        loop {
            self.flush().await?;
            match &mut self.socket {
                Socket::Datagram(socket, buffer) => {
                    let octets = socket.recv(buffer).await?;
                    let bytes = Bytes::copy_from_slice(buffer.get(..octets).unwrap_or_default());
                    // A stray datagram is not for us.
                    if let Ok(message) = Message::parse(bytes) {
                        return Ok(message);
                    }
                }
                Socket::Stream(stream, framer, buffer) => match framer.next().transpose()? {
                    Some(Frame::Message(message)) => return Ok(message),
                    Some(Frame::KeepAlive) => self.queue(Bytes::from_static(b"\r\n")),
                    None => {
                        buffer.clear();
                        if stream.read_buf(buffer).await? == 0 {
                            return Err(AskError::Closed);
                        }
                        framer.push(buffer);
                    }
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::yield_now;

    use super::*;

    const BYE: &str = "BYE sip:b@x SIP/2.0\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n";

    #[tokio::test]
    async fn a_message_goes_out_whole_though_its_sender_stops_waiting() {
        let (near, far) = tokio::io::duplex(7);
        let (mut near, mut far) = (Wire::stream(near), Wire::stream(far));
        for _ in 0..3 {
            near.queue(Bytes::from_static(BYE.as_bytes()));
        }
        for _ in 0..3 {
            let receiving = async {
                loop {
                    tokio::select! {
                        biased;
                        _ = near.receive() => panic!("nothing was sent to us"),
                        message = far.receive() => break message.unwrap(),
                        () = yield_now() => {}
                    }
                }
            };
            let received = tokio::time::timeout(Duration::from_secs(30), receiving).await;
            assert_eq!(received.expect("nothing came").raw(), BYE.as_bytes());
        }
    }

    #[tokio::test]
    async fn a_ping_is_answered() {
        let (near, mut far) = tokio::io::duplex(64);
        let mut near = Wire::stream(near);
        far.write_all(b"\r\n\r\n").await.unwrap();
        let mut pong = [0; 2];
        tokio::select! {
            _ = near.receive() => panic!("a ping is no message"),
            read = far.read_exact(&mut pong) => assert_eq!(read.unwrap(), 2),
        }
        assert_eq!(&pong, b"\r\n");
    }

    #[tokio::test]
    async fn a_closed_connection_is_an_error() {
        let (near, far) = tokio::io::duplex(64);
        drop(far);
        let mut near = Wire::stream(near);
        assert!(matches!(near.receive().await, Err(AskError::Closed)));
        near.queue(Bytes::from_static(BYE.as_bytes()));
        assert!(near.flush().await.is_err());
    }
}
