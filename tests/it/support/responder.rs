//! A SIP server that answers requests as a test says, over real sockets, and shows what it got.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use restante::sip::framer::{Frame, Framer};
use restante::sip::{Message, StartLine};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::sip::{PATIENCE, header};

/// In place of an answer: none.
pub const SILENCE: &str = "silence";

/// An answer after which the connection is closed.
pub const LAST_WORD: &str = "200 OK\r\nX-Last-Word: yes";

/// In place of an answer: the connection is closed.
pub const HANG_UP: &str = "hang up";

/// A request that has come.
#[derive(Debug)]
pub struct Seen {
    pub message: Message,
    pub transport: &'static str,
    pub source: SocketAddr,
}

impl Seen {
    pub fn uri(&self) -> &str {
        match self.message.start() {
            StartLine::Request { uri, .. } => uri,
            StartLine::Status { .. } => panic!("not a request"),
        }
    }

    pub fn header(&self, name: &str) -> String {
        header(&self.message, name)
    }
}

/// A server on a port of its own. It answers 200, unless it was told otherwise.
pub struct Responder {
    pub address: SocketAddr,
    state: State,
    seen: mpsc::UnboundedReceiver<Seen>,
}

#[derive(Clone)]
struct State {
    answers: Arc<Mutex<VecDeque<String>>>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl Responder {
    /// Listens for UDP and TCP.
    pub async fn start() -> Self {
        let (tcp, udp) = bind().await;
        let responder = Self::at(tcp.local_addr().unwrap(), udp);
        let state = responder.0;
        tokio::spawn(accept(tcp, None, state));
        responder.1
    }

    /// Listens for UDP; connections are refused.
    pub async fn only_udp() -> Self {
        let (tcp, udp) = bind().await;
        let address = tcp.local_addr().unwrap();
        drop(tcp);
        Self::at(address, udp).1
    }

    /// Listens for TLS alone.
    pub async fn over_tls(acceptor: TlsAcceptor) -> Self {
        let (tcp, udp) = bind().await;
        let (state, responder) = Self::at(tcp.local_addr().unwrap(), udp);
        tokio::spawn(accept(tcp, Some(acceptor), state));
        responder
    }

    fn at(address: SocketAddr, udp: UdpSocket) -> (State, Self) {
        let (sender, seen) = mpsc::unbounded_channel();
        let state = State {
            answers: Arc::default(),
            seen: sender,
        };
        tokio::spawn(receive(udp, state.clone()));
        let responder = Self {
            address,
            state: state.clone(),
            seen,
        };
        (state, responder)
    }

    /// The next answers: status and reason, perhaps with further header fields.
    pub fn answer(&self, answers: &[&str]) {
        let answers = answers.iter().map(|answer| (*answer).to_owned());
        self.state.answers.lock().unwrap().extend(answers);
    }

    /// Waits for the next request.
    pub async fn next(&mut self) -> Seen {
        let seen = timeout(PATIENCE, self.seen.recv()).await;
        seen.expect("a request comes").unwrap()
    }
}

async fn bind() -> (TcpListener, UdpSocket) {
    loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            return (tcp, udp);
        }
    }
}

impl State {
    /// The answer to a request; `None` if there is none.
    fn take(
        &self,
        message: Message,
        transport: &'static str,
        source: SocketAddr,
    ) -> Option<String> {
        let scripted = self.answers.lock().unwrap().pop_front();
        let line = scripted.unwrap_or_else(|| "200 OK".into());
        let mut text = format!("SIP/2.0 {line}\r\n");
        for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
            for field in message.headers(name) {
                let tag = if name == "To" { ";tag=responder" } else { "" };
                write!(text, "{name}: {}{tag}\r\n", field.text()).unwrap();
            }
        }
        text.push_str("Content-Length: 0\r\n\r\n");
        // Nobody looks at the last ones of a test.
        let _ = self.seen.send(Seen {
            message,
            transport,
            source,
        });
        match line.as_str() {
            SILENCE => None,
            HANG_UP => Some(line),
            _ => Some(text),
        }
    }
}

async fn receive(socket: UdpSocket, state: State) {
    let mut buffer = vec![0; 65_536];
    while let Ok((octets, source)) = socket.recv_from(&mut buffer).await {
        let message = Message::parse(buffer[..octets].to_vec().into()).unwrap();
        if let Some(answer) = state.take(message, "UDP", source) {
            socket.send_to(answer.as_bytes(), source).await.unwrap();
        }
    }
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, state: State) {
    while let Ok((stream, source)) = listener.accept().await {
        let (state, acceptor) = (state.clone(), acceptor.clone());
        tokio::spawn(async move {
            match acceptor {
                None => serve(stream, "TCP", source, state).await,
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        serve(stream, "TLS", source, state).await;
                    }
                }
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    transport: &'static str,
    source: SocketAddr,
    state: State,
) {
    let mut framer = Framer::new(1024 * 1024);
    let mut buffer = vec![0; 65_536];
    while let Ok(octets @ 1..) = stream.read(&mut buffer).await {
        framer.push(&buffer[..octets]);
        for frame in framer.by_ref() {
            if let Frame::Message(message) = frame.unwrap()
                && let Some(answer) = state.take(message, transport, source)
                && (answer == HANG_UP
                    || stream.write_all(answer.as_bytes()).await.is_err()
                    || answer.contains("X-Last-Word"))
            {
                return;
            }
        }
    }
}
