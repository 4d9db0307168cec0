//! Tests of calls, over sockets of this machine. The peer is played message by message; what is said is made up.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use super::*;
use crate::sip::client::wire::Wire;
use crate::sip::client::{Client, Outcome, Way};
use crate::sip::transaction::Timers;

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 us\r\n";
/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(30);
/// Ends at once.
const SHORT: Duration = Duration::ZERO;

fn timers(t1: u64) -> Timers {
    Timers {
        t1: Duration::from_millis(t1),
        t2: Duration::from_millis(t1 * 4),
        ..Timers::default()
    }
}

fn invite(client: &Client, transport: &str) -> Bytes {
    let local = client.local;
    let text = format!(
        "INVITE sip:b@x SIP/2.0\r\nVia: SIP/2.0/{transport} {local};rport;branch=z9hG4bKcall\r\n\
         Max-Forwards: 70\r\nFrom: <sip:a@x>;tag=ours\r\nTo: <sip:b@x>\r\nCall-ID: c\r\n\
         CSeq: 1 INVITE\r\nContact: <sip:a@{local}>\r\nContent-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{SDP}",
        SDP.len()
    );
    Bytes::from(text)
}

type Calling = JoinHandle<Result<Outcome, CallError>>;

/// A call over UDP, and its peer, who has received the INVITE.
async fn datagrams(t1: u64, patience: Duration) -> (Calling, Peer) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let target = socket.local_addr().unwrap();
    let mut client = Client::connect(target, Way::Udp).await.unwrap();
    client.timers = timers(t1);
    let source = client.local.port();
    let invite = invite(&client, "UDP");
    let calling = tokio::spawn(client.call(invite, patience));
    let source = SocketAddr::from(([127, 0, 0, 1], source));
    socket.connect(source).await.unwrap();
    Peer::begin(calling, Wire::datagram(socket)).await
}

/// The same over TCP.
async fn stream(t1: u64, patience: Duration) -> (Calling, Peer) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let mut client = Client::connect(target, Way::Tcp).await.unwrap();
    client.timers = timers(t1);
    let invite = invite(&client, "TCP");
    let calling = tokio::spawn(client.call(invite, patience));
    let (socket, _) = listener.accept().await.unwrap();
    Peer::begin(calling, Wire::stream(socket)).await
}

struct Peer {
    wire: Wire,
    invite: Message,
}

impl Peer {
    async fn begin(calling: Calling, mut wire: Wire) -> (Calling, Self) {
        let invite = wire.receive().await.unwrap();
        assert_eq!(invite.method(), Some("INVITE"));
        (calling, Self { wire, invite })
    }

    /// The next message that is not a repeated INVITE.
    async fn receive(&mut self) -> Message {
        loop {
            let message = tokio::time::timeout(LONG, self.wire.receive());
            let message = message.await.expect("nothing came").unwrap();
            if message.raw() != self.invite.raw() {
                return message;
            }
        }
    }

    async fn receive_request(&mut self, method: &str) -> Message {
        let request = self.receive().await;
        assert_eq!(request.method(), Some(method), "{:?}", request.start());
        request
    }

    async fn receive_response(&mut self) -> (u16, Message) {
        let response = self.receive().await;
        (status(&response), response)
    }

    async fn answer_as(&mut self, tag: &str, request: &Message, status: u16) {
        let response = Response::to(request, status, tag)
            .header("Contact", format!("<sip:b@{tag}>"))
            .header("Content-Type", "application/sdp")
            .body(b"v=0\r\no=- 7 1 IN IP4 them\r\n")
            .build()
            .unwrap();
        self.send(response.bytes().clone()).await;
    }

    async fn answer(&mut self, request: &Message, status: u16) {
        self.answer_as("theirs", request, status).await;
    }

    async fn answer_invite(&mut self, status: u16) {
        let invite = self.invite.clone();
        self.answer(&invite, status).await;
    }

    async fn ask(&mut self, method: &str, number: u32) {
        let text = format!(
            "{method} sip:a@us SIP/2.0\r\nVia: SIP/2.0/TCP them;branch=z9hG4bK{method}{number}\r\n\
             From: <sip:b@x>;tag=theirs\r\nTo: <sip:a@x>;tag=ours\r\nCall-ID: c\r\n\
             CSeq: {number} {method}\r\nContent-Length: 0\r\n\r\n"
        );
        self.send(Bytes::from(text)).await;
    }

    async fn send(&mut self, bytes: Bytes) {
        self.wire.queue(bytes);
        self.wire.flush().await.unwrap();
    }
}

async fn answered(calling: Calling) -> Call {
    match calling.await.unwrap().unwrap() {
        Outcome::Answered(call) => *call,
        Outcome::Refused(response) => panic!("refused: {:?}", response.start()),
    }
}

fn cseq(message: &Message) -> String {
    message.header("CSeq").unwrap().text()
}

fn branch(message: &Message) -> String {
    let top = message.via().unwrap().remove(0);
    top.branch().unwrap().to_owned()
}

#[tokio::test]
async fn a_call_is_made_and_hung_up() {
    for over_udp in [true, false] {
        let (calling, mut peer) = if over_udp {
            datagrams(500, LONG).await
        } else {
            stream(500, LONG).await
        };
        peer.answer_invite(180).await;
        peer.answer_invite(200).await;
        let ack = peer.receive_request("ACK").await;
        assert_eq!(cseq(&ack), "1 ACK");
        assert!(matches!(ack.start(), StartLine::Request { uri, .. } if uri == "sip:b@theirs"));
        assert_ne!(branch(&ack), branch(&peer.invite));
        let mut call = answered(calling).await;
        assert_eq!(call.dialog().remote_target(), "sip:b@theirs");
        assert_eq!(status(call.response()), 200);
        let peering = tokio::spawn(async move {
            let bye = peer.receive_request("BYE").await;
            peer.answer(&bye, 200).await;
            (ack, bye, peer)
        });
        let answer = call.hang_up(&[("Reason", "SIP;text=\"done\"")]).await;
        assert_eq!(status(&answer.unwrap().unwrap()), 200);
        let (ack, bye, _peer) = peering.await.unwrap();
        assert_eq!(cseq(&bye), "2 BYE");
        assert_eq!(bye.header("Reason").unwrap().text(), "SIP;text=\"done\"");
        assert_ne!(branch(&bye), branch(&ack));
        assert!(call.hang_up(&[]).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn a_lost_invite_is_repeated_and_so_is_a_lost_ack() {
    let (calling, mut peer) = datagrams(20, LONG).await;
    let again = peer.wire.receive().await.unwrap();
    assert_eq!(again.raw(), peer.invite.raw());
    peer.answer_invite(200).await;
    let first = peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    peer.answer_invite(200).await;
    peer.ask("BYE", 1).await;
    let event = call.next_event().await.unwrap();
    assert!(matches!(event, Event::HungUp(bye) if cseq(&bye) == "1 BYE"));
    let second = peer.receive_request("ACK").await;
    assert_eq!(second.raw(), first.raw());
    assert_eq!(peer.receive_response().await.0, 200);
}

#[tokio::test]
async fn a_refusal_is_acknowledged() {
    let (calling, mut peer) = stream(500, LONG).await;
    peer.answer_invite(486).await;
    let ack = peer.receive_request("ACK").await;
    assert_eq!(branch(&ack), branch(&peer.invite));
    let outcome = calling.await.unwrap().unwrap();
    assert!(matches!(outcome, Outcome::Refused(response) if status(&response) == 486));
}

#[tokio::test]
async fn what_rings_too_long_is_cancelled() {
    let (calling, mut peer) = stream(500, SHORT).await;
    // Not before it rings.
    peer.answer_invite(180).await;
    let cancel = peer.receive_request("CANCEL").await;
    assert_eq!(branch(&cancel), branch(&peer.invite));
    assert_eq!(cseq(&cancel), "1 CANCEL");
    peer.answer(&cancel, 200).await;
    peer.answer_invite(487).await;
    peer.receive_request("ACK").await;
    assert!(matches!(calling.await.unwrap(), Err(CallError::Cancelled)));
}

#[tokio::test]
async fn an_answer_that_crosses_the_cancel_is_hung_up_on() {
    let (calling, mut peer) = datagrams(500, SHORT).await;
    peer.answer_invite(180).await;
    let cancel = peer.receive_request("CANCEL").await;
    peer.answer_invite(200).await;
    peer.answer(&cancel, 200).await;
    peer.receive_request("ACK").await;
    let bye = peer.receive_request("BYE").await;
    peer.answer(&bye, 200).await;
    assert!(matches!(calling.await.unwrap(), Err(CallError::Cancelled)));
}

#[tokio::test]
async fn a_peer_that_ignores_the_cancel_is_left() {
    let (calling, mut peer) = stream(10, SHORT).await;
    peer.answer_invite(180).await;
    peer.receive_request("CANCEL").await;
    assert!(matches!(calling.await.unwrap(), Err(CallError::Cancelled)));
}

#[tokio::test]
async fn a_silent_peer_is_not_cancelled() {
    let (calling, mut peer) = datagrams(2, SHORT).await;
    let outcome = calling.await.unwrap();
    assert!(matches!(outcome, Err(CallError::Ask(AskError::Timeout))));
    // Whatever has come is the INVITE.
    let silence = tokio::time::timeout(Duration::from_millis(1), peer.receive());
    assert!(silence.await.is_err());
}

#[tokio::test]
async fn requests_while_it_rings_are_answered() {
    let (calling, mut peer) = stream(500, LONG).await;
    peer.ask("UPDATE", 1).await;
    assert_eq!(peer.receive_response().await.0, 481);
    peer.ask("INFO", 2).await;
    assert_eq!(peer.receive_response().await.0, 405);
    peer.answer_invite(200).await;
    answered(calling).await;
}

#[tokio::test]
async fn the_peer_may_hang_up_and_repeat_itself() {
    let (calling, mut peer) = datagrams(500, LONG).await;
    peer.answer_invite(200).await;
    peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    peer.ask("BYE", 7).await;
    assert!(matches!(call.next_event().await.unwrap(), Event::HungUp(_)));
    let (code, first) = peer.receive_response().await;
    assert_eq!(code, 200);
    peer.ask("BYE", 7).await;
    let repeated = tokio::select! {
        (_, response) = peer.receive_response() => response,
        _ = call.next_event() => panic!("the BYE counted twice"),
    };
    assert_eq!(repeated.raw(), first.raw());
    assert!(call.hang_up(&[]).await.unwrap().is_none());
}

#[tokio::test]
async fn our_answer_to_a_re_invite_is_repeated_until_its_ack() {
    let (calling, mut peer) = stream(10, LONG).await;
    peer.answer_invite(200).await;
    peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    peer.ask("INVITE", 3).await;
    let serving = tokio::spawn(async move { call.next_event().await });
    let (code, first) = peer.receive_response().await;
    assert_eq!((code, &first.body()[..]), (200, SDP.as_bytes()));
    assert_eq!(peer.receive_response().await.1.raw(), first.raw());
    peer.ask("ACK", 3).await;
    peer.ask("BYE", 4).await;
    let event = serving.await.unwrap().unwrap();
    assert!(matches!(event, Event::HungUp(_)));
}

#[tokio::test]
async fn a_peer_that_acknowledges_is_not_lost() {
    let (calling, mut peer) = stream(10, LONG).await;
    peer.answer_invite(200).await;
    peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    peer.ask("INVITE", 3).await;
    peer.ask("ACK", 3).await;
    // Longer than 64 * T1.
    let quiet = tokio::time::timeout(Duration::from_secs(1), call.next_event());
    assert!(quiet.await.is_err());
}

#[tokio::test]
async fn a_peer_that_acknowledges_nothing_is_lost() {
    let (calling, mut peer) = stream(2, LONG).await;
    peer.answer_invite(200).await;
    peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    peer.ask("INVITE", 3).await;
    assert!(matches!(call.next_event().await.unwrap(), Event::Lost));
}

#[tokio::test]
async fn a_second_answer_to_a_forked_invite_is_hung_up_on() {
    let (calling, mut peer) = stream(500, LONG).await;
    let invite = peer.invite.clone();
    peer.answer(&invite, 200).await;
    peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    let serving = tokio::spawn(async move { call.next_event().await.map(|_| call) });
    for repeat in [false, true] {
        peer.answer_as("other", &invite, 200).await;
        let ack = peer.receive_request("ACK").await;
        assert!(ack.header("To").unwrap().text().ends_with("tag=other"));
        if !repeat {
            let bye = peer.receive_request("BYE").await;
            assert!(bye.header("To").unwrap().text().ends_with("tag=other"));
            peer.answer_as("other", &bye, 200).await;
        }
    }
    peer.ask("BYE", 1).await;
    assert!(serving.await.unwrap().is_ok());
}

#[tokio::test]
async fn a_re_invite_of_ours_is_acknowledged() {
    let (calling, mut peer) = stream(500, LONG).await;
    peer.answer_invite(200).await;
    peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    let peering = tokio::spawn(async move {
        let invite = peer.receive_request("INVITE").await;
        assert_eq!(cseq(&invite), "2 INVITE");
        // Crosses with ours.
        peer.ask("INVITE", 9).await;
        assert_eq!(peer.receive_response().await.0, 491);
        peer.ask("ACK", 9).await;
        peer.answer(&invite, 200).await;
        let ack = peer.receive_request("ACK").await;
        assert_eq!(cseq(&ack), "2 ACK");
        peer
    });
    let answer = call.refresh().await.unwrap();
    assert_eq!(status(&answer), 200);
    peering.await.unwrap();
}

#[tokio::test]
async fn who_stops_waiting_loses_nothing() {
    let (calling, mut peer) = stream(500, LONG).await;
    peer.answer_invite(200).await;
    peer.receive_request("ACK").await;
    let mut call = answered(calling).await;
    let peering = tokio::spawn(async move {
        let bye = "BYE sip:a@us SIP/2.0\r\nVia: SIP/2.0/TCP them;branch=z9hG4bK1\r\n\
            From: <sip:b@x>;tag=theirs\r\nTo: <sip:a@x>;tag=ours\r\nCall-ID: c\r\n\
            CSeq: 1 BYE\r\nContent-Length: 0\r\n\r\n";
        for octet in bye.bytes() {
            peer.send(Bytes::copy_from_slice(&[octet])).await;
            tokio::task::yield_now().await;
        }
        assert_eq!(peer.receive_response().await.0, 200);
    });
    loop {
        tokio::select! {
            biased;
            event = call.next_event() => {
                assert!(matches!(event.unwrap(), Event::HungUp(_)));
                break;
            }
            () = tokio::task::yield_now() => {}
        }
    }
    peering.await.unwrap();
}

#[tokio::test]
async fn answers_that_cannot_be_used_are_errors() {
    let (calling, mut peer) = stream(500, LONG).await;
    let bare = Response::to(&peer.invite, 200, "t").build().unwrap();
    peer.send(bare.bytes().clone()).await;
    assert!(matches!(calling.await.unwrap(), Err(CallError::Answer(_))));
    let (calling, peer) = stream(500, LONG).await;
    drop(peer);
    assert!(matches!(calling.await.unwrap(), Err(CallError::Ask(_))));
}

#[tokio::test]
async fn an_invite_without_tag_or_branch_is_not_sent() {
    for missing in [";tag=ours", ";branch=z9hG4bKcall", "CSeq: 1 INVITE\r\n"] {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let client = Client::connect(socket.local_addr().unwrap(), Way::Udp)
            .await
            .unwrap();
        let invite = String::from_utf8(invite(&client, "UDP").to_vec()).unwrap();
        let outcome = client
            .call(Bytes::from(invite.replace(missing, "")), LONG)
            .await;
        assert!(matches!(outcome, Err(CallError::Invite(_))), "{missing}");
    }
}
