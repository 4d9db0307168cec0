//! Speaking SIP to a server over real sockets.

use std::net::SocketAddr;
use std::time::Duration;

use restante::sip::framer::{Frame, Framer};
use restante::sip::{Message, StartLine};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::TestApp;
use super::message::Pager;

/// Longer than any answer takes.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A client on a datagram socket of its own.
pub struct Udp(pub UdpSocket);

impl Udp {
    pub async fn to(app: &TestApp) -> Self {
        Self::connect(app.sip).await
    }

    /// To a server at this address.
    pub async fn connect(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(server).await.unwrap();
        Self(socket)
    }

    /// From another address of this machine.
    pub async fn from(address: &str, app: &TestApp) -> Self {
        let socket = UdpSocket::bind((address, 0)).await.unwrap();
        socket.connect(app.sip).await.unwrap();
        Self(socket)
    }

    pub async fn send(&self, raw: impl Into<Vec<u8>>) {
        self.0.send(&raw.into()).await.unwrap();
    }

    pub async fn receive(&self) -> Message {
        let mut buffer = vec![0; 65_536];
        let octets = timeout(PATIENCE, self.0.recv(&mut buffer))
            .await
            .expect("an answer")
            .unwrap();
        buffer.truncate(octets);
        Message::parse(buffer.into()).unwrap()
    }

    pub async fn ask(&self, raw: impl Into<Vec<u8>>) -> Message {
        self.send(raw).await;
        self.receive().await
    }
}

/// A client on a connection.
pub struct Tcp {
    pub stream: TcpStream,
    framer: Framer,
}

impl Tcp {
    pub async fn to(app: &TestApp) -> Self {
        Self::over(TcpStream::connect(app.sip).await.unwrap())
    }

    pub fn over(stream: TcpStream) -> Self {
        let framer = Framer::new(65_536);
        Self { stream, framer }
    }

    /// The next connection that comes.
    pub async fn accept(listener: &TcpListener) -> Self {
        let accepted = timeout(PATIENCE, listener.accept()).await;
        Self::over(accepted.expect("a connection").unwrap().0)
    }

    pub async fn send(&mut self, raw: impl Into<Vec<u8>>) {
        self.stream.write_all(&raw.into()).await.unwrap();
    }

    pub async fn receive(&mut self) -> Message {
        loop {
            if let Some(Ok(Frame::Message(message))) = self.framer.next() {
                return message;
            }
            let mut buffer = [0; 4096];
            let read = timeout(PATIENCE, self.stream.read(&mut buffer)).await;
            let octets = read.expect("a message").unwrap();
            assert!(octets > 0, "closed");
            self.framer.push(&buffer[..octets]);
        }
    }

    pub async fn ask(&mut self, raw: impl Into<Vec<u8>>) -> Message {
        self.send(raw).await;
        self.receive().await
    }
}

/// A response without a body.
pub fn reply(request: &Message, line: &str) -> String {
    let copied = ["Via", "From", "To", "Call-ID", "CSeq"].map(|name| {
        let fields = request.headers(name);
        let lines = fields.map(|field| format!("{name}: {}\r\n", field.text()));
        lines.collect::<String>()
    });
    format!(
        "SIP/2.0 {line}\r\n{}Content-Length: 0\r\n\r\n",
        copied.concat()
    )
}

pub fn status(answer: &Message) -> u16 {
    match answer.start() {
        StartLine::Status { code, .. } => *code,
        StartLine::Request { .. } => panic!("not an answer"),
    }
}

pub fn header(answer: &Message, name: &str) -> String {
    answer
        .header(name)
        .map(|field| field.text())
        .unwrap_or_default()
}

/// A request whose answer comes back to the port it was sent from (RFC 3581).
pub fn pager() -> Pager {
    let pager = Pager::new();
    Pager {
        branch: format!("{};rport", pager.branch),
        ..pager
    }
}

pub async fn read_until(stream: &mut TcpStream, done: impl Fn(&str) -> bool) -> String {
    let mut text = String::new();
    let mut buffer = vec![0; 65_536];
    while !done(&text) {
        let octets = timeout(PATIENCE, stream.read(&mut buffer))
            .await
            .expect("an answer")
            .unwrap();
        assert!(octets > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&buffer[..octets]));
    }
    text
}
