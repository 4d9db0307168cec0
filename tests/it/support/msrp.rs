//! A sender of large messages: SIP and MSRP spoken by hand, so that a test sees every octet.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use restante::sip::Message;
use restante::sip::transport::stream::{Duplex, Stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::TestApp;
use super::sip::{PATIENCE, Udp, header, reply, status};

/// Our path in every session.
pub const PATH: &str = "msrp://127.0.0.1:2/ourside;tcp";

/// An INVITE to Alice from Carol, unlike any other.
pub struct Invite {
    pub call_id: String,
    pub branch: String,
    pub more: String,
    pub sdp: String,
}

impl Invite {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            call_id: format!("large-{n}@client.example.org"),
            branch: format!("z9hG4bKlarge{n}"),
            more: String::new(),
            sdp: offer("TCP/MSRP", PATH, "actpass"),
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.more, "{name}: {value}\r\n").unwrap();
        self
    }

    pub fn sdp(mut self, sdp: String) -> Self {
        self.sdp = sdp;
        self
    }

    pub fn bytes(&self, contact: SocketAddr) -> Vec<u8> {
        format!(
            "INVITE sip:alice@example.org SIP/2.0\r\nVia: SIP/2.0/UDP client.example.org;branch={};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"Carol\" <sip:carol@example.org>;tag=c1\r\nTo: <sip:alice@example.org>\r\n\
             Call-ID: {}\r\nCSeq: 1 INVITE\r\nContact: <sip:carol@{contact}>\r\nSubject: Plans\r\n\
             Date: Wed, 25 Nov 2026 08:15:29 GMT\r\nP-Asserted-Identity: <sip:carol@example.org>\r\n{}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{}",
            self.branch,
            self.call_id,
            self.more,
            self.sdp.len(),
            self.sdp
        )
        .into_bytes()
    }
}

/// A session description that offers to send one message.
pub fn offer(protocol: &str, path: &str, setup: &str) -> String {
    format!(
        "v=0\r\no=carol 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=message 2 {protocol} *\r\na=accept-types:message/cpim *\r\na=path:{path}\r\na=setup:{setup}\r\na=sendonly\r\n"
    )
}

/// A session that has been agreed on.
pub struct Session {
    pub sip: Udp,
    pub ok: Message,
    /// The server's path.
    pub path: String,
    call_id: String,
    /// Of the last request.
    pub cseq: u32,
}

/// Sets up a session by this INVITE.
pub async fn invite(app: &TestApp, invite: &Invite) -> Session {
    invite_at(app.sip, invite).await
}

/// The same with a server at this address.
pub async fn invite_at(server: SocketAddr, invite: &Invite) -> Session {
    let sip = Udp::connect(server).await;
    let answer = ask(&sip, invite).await;
    assert_eq!(
        status(&answer),
        200,
        "{}",
        String::from_utf8_lossy(answer.raw())
    );
    let sdp = String::from_utf8(answer.body().to_vec()).unwrap();
    let path = attribute(&sdp, "path");
    let session = Session {
        sip,
        ok: answer,
        path,
        call_id: invite.call_id.clone(),
        cseq: 1,
    };
    session.sip.send(session.request("ACK", 1)).await;
    session
}

/// The final answer to an INVITE.
pub async fn ask(sip: &Udp, invite: &Invite) -> Message {
    sip.send(invite.bytes(sip.0.local_addr().unwrap())).await;
    loop {
        let answer = sip.receive().await;
        if status(&answer) >= 200 {
            return answer;
        }
    }
}

/// The value of an attribute of a session description.
pub fn attribute(sdp: &str, name: &str) -> String {
    let line = sdp
        .lines()
        .find_map(|line| line.strip_prefix(&format!("a={name}:")));
    line.unwrap_or_else(|| panic!("no {name} in {sdp}"))
        .to_owned()
}

impl Session {
    fn request(&self, method: &str, cseq: u32) -> String {
        let contact = header(&self.ok, "Contact");
        let target = contact.split(['<', '>']).nth(1).unwrap();
        format!(
            "{method} {target} SIP/2.0\r\nVia: SIP/2.0/UDP client.example.org;branch=z9hG4bK{method}{cseq}{};rport\r\n\
             Max-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\nContent-Length: 0\r\n\r\n",
            self.call_id.replace('@', "."),
            header(&self.ok, "From"),
            header(&self.ok, "To"),
            self.call_id
        )
    }

    /// Ends it; the status of the answer.
    pub async fn bye(&mut self) -> u16 {
        self.ask("BYE").await
    }

    /// Asks something inside it; the status of the answer. Repeats of the 200 are passed over.
    pub async fn ask(&mut self, method: &str) -> u16 {
        self.cseq += 1;
        self.sip.send(self.request(method, self.cseq)).await;
        loop {
            let answer = self.sip.receive().await;
            if header(&answer, "CSeq") == format!("{} {method}", self.cseq) {
                return status(&answer);
            }
        }
    }

    /// Waits for the server's BYE and answers it.
    pub async fn await_bye(&self) -> Message {
        loop {
            let request = self.sip.receive().await;
            if request.method() == Some("BYE") {
                self.sip.send(reply(&request, "200 OK")).await;
                return request;
            }
        }
    }

    /// Connects to where the server listens.
    pub async fn connect(&self) -> Msrp {
        Msrp::connect(&self.path).await
    }

    /// A chunk of a message, from the octet counted from 1.
    pub fn chunk(
        &self,
        transaction: &str,
        from: usize,
        octets: &[u8],
        total: &str,
        flag: char,
    ) -> Vec<u8> {
        let head = format!(
            "MSRP {transaction} SEND\r\nTo-Path: {}\r\nFrom-Path: {PATH}\r\nMessage-ID: 12339sdqwer\r\n\
             Byte-Range: {from}-{}/{total}\r\nContent-Type: text/plain\r\n\r\n",
            self.path,
            from + octets.len() - 1
        );
        let end = format!("\r\n-------{transaction}{flag}\r\n");
        [head.as_bytes(), octets, end.as_bytes()].concat()
    }

    /// A whole message in one chunk, with further header fields.
    pub fn whole(&self, transaction: &str, text: &str, more: &str) -> Vec<u8> {
        let chunk = self.chunk(
            transaction,
            1,
            text.as_bytes(),
            &text.len().to_string(),
            '$',
        );
        let chunk = String::from_utf8(chunk).unwrap();
        chunk
            .replacen("Message-ID", &format!("{more}Message-ID"), 1)
            .into_bytes()
    }
}

/// A connection for MSRP.
pub struct Msrp {
    stream: Stream,
    unread: String,
}

impl Msrp {
    pub async fn connect(path: &str) -> Self {
        let address = path.split('/').nth(2).unwrap();
        Self::over(TcpStream::connect(address).await.unwrap())
    }

    pub fn over(stream: impl Duplex + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            unread: String::new(),
        }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// The next frame that comes, whole; all of ours are short.
    pub async fn receive(&mut self) -> String {
        loop {
            if let Some(end) = self.end_of_frame() {
                let rest = self.unread.split_off(end);
                return std::mem::replace(&mut self.unread, rest);
            }
            let mut buffer = [0; 4096];
            let octets = timeout(PATIENCE, self.stream.read(&mut buffer))
                .await
                .expect("a frame")
                .unwrap();
            assert!(octets > 0, "closed after {:?}", self.unread);
            self.unread
                .push_str(std::str::from_utf8(&buffer[..octets]).unwrap());
        }
    }

    fn end_of_frame(&self) -> Option<usize> {
        let transaction = self.unread.split(' ').nth(1)?;
        let mark = format!("-------{transaction}");
        let at = self.unread.find(&mark)?;
        let end = at + self.unread[at..].find("\r\n")? + 2;
        Some(end)
    }

    /// Sends and gives the status of what comes back.
    pub async fn ask(&mut self, bytes: impl AsRef<[u8]>) -> u16 {
        self.send(bytes).await;
        status_of(&self.receive().await)
    }
}

impl Msrp {
    /// Whether the other side closes it.
    pub async fn is_closed(&mut self) -> bool {
        let mut buffer = [0; 1];
        matches!(
            timeout(PATIENCE, self.stream.read(&mut buffer)).await,
            Ok(Ok(0) | Err(_))
        )
    }
}

/// The status of an MSRP response.
pub fn status_of(frame: &str) -> u16 {
    let status = frame.split([' ', '\r']).nth(2).unwrap();
    status
        .parse()
        .unwrap_or_else(|_| panic!("no response: {frame}"))
}
