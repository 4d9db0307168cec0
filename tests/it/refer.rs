//! Deleting by SIP: a REFER to a Message-ID, and what is notified of it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use restante::domain::access::TokenScope;
use restante::sip::Message;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::digest::{challenges, proof, token};
use crate::support::message::Pager;
use crate::support::msrp::{Invite, Msrp, PATH, invite, offer};
use crate::support::sip::{Tcp, Udp, header, reply, status};

const ALICE: &str = "sip:alice@example.org";
const BOB: &str = "sip:bob@example.org";
const OK: &str = "SIP/2.0 200 OK\r\n";
const NOT_FOUND: &str = "SIP/2.0 404 Not Found\r\n";

/// A REFER from Alice, unlike any other.
#[derive(Clone)]
struct Refer {
    n: u32,
    transport: &'static str,
    contact: String,
    asserted: &'static str,
    /// Header fields beyond the usual, each with its CRLF.
    more: String,
    body: String,
}

impl Refer {
    /// To this message.
    fn to(id: &str) -> Self {
        Self::with("Refer-To", &format!("<sip:{id}@mail.example.org>"))
    }

    fn with(name: &str, value: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self {
            n: NEXT.fetch_add(1, Ordering::Relaxed),
            transport: "UDP",
            contact: String::new(),
            asserted: ALICE,
            more: format!("{name}: {value}\r\n"),
            body: String::new(),
        }
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        write!(self.more, "{name}: {value}\r\n").unwrap();
        self
    }

    /// By Alice as a proxy vouches for her; by nobody if there is no such address.
    fn asserted(self, asserted: &'static str) -> Self {
        Self { asserted, ..self }
    }

    /// To be answered and notified on a datagram socket.
    fn from(self, client: &Udp) -> Self {
        let contact = format!("<sip:alice@{}>", client.0.local_addr().unwrap());
        Self { contact, ..self }
    }

    /// To be answered and notified on a connection.
    fn over(self, client: &Tcp) -> Self {
        let address = client.stream.local_addr().unwrap();
        let contact = format!("<sip:alice@{address};transport=tcp>");
        Self {
            transport: "TCP",
            contact,
            ..self
        }
    }

    /// To these messages (RFC 5368).
    fn list(uris: &[String]) -> Self {
        let entries = uris.iter().fold(String::new(), |entries, uri| {
            entries + "<entry uri=\"" + uri + "\"/>"
        });
        let refer = Self::with("Refer-To", "<cid:cn35t8jf02@example.com>")
            .header("Refer-Sub", "false")
            .header("Require", "multiple-refer, norefersub")
            .header("Content-Type", "application/resource-lists+xml")
            .header("Content-Disposition", "recipient-list")
            .header("Content-ID", "<cn35t8jf02@example.com>");
        let body = format!(
            "<?xml version=\"1.0\"?><resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list>{entries}</list></resource-lists>"
        );
        Self { body, ..refer }
    }
}

impl From<Refer> for Vec<u8> {
    fn from(refer: Refer) -> Self {
        let Refer {
            n,
            transport,
            contact,
            asserted,
            more,
            body,
        } = refer;
        let contact = if contact.is_empty() {
            String::new()
        } else {
            format!("Contact: {contact}\r\n")
        };
        let asserted = if asserted.is_empty() {
            String::new()
        } else {
            format!("P-Asserted-Identity: <{asserted}>\r\n")
        };
        format!(
            "REFER sip:mail.example.org SIP/2.0\r\nVia: SIP/2.0/{transport} client.example.org;branch=z9hG4bKrefer{n};rport\r\n\
             Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@example.org>;tag=r{n}\r\nTo: <sip:mail.example.org>\r\n\
             Call-ID: refer-{n}@client.example.org\r\nCSeq: 7 REFER\r\n{contact}{asserted}{more}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

/// What a NOTIFY says became of it.
#[track_caller]
fn outcome(notify: &Message) -> String {
    assert_eq!(
        notify.method(),
        Some("NOTIFY"),
        "{}",
        String::from_utf8_lossy(notify.raw())
    );
    assert_eq!(header(notify, "Event"), "refer");
    assert_eq!(
        header(notify, "Subscription-State"),
        "terminated;reason=noresource"
    );
    assert_eq!(
        header(notify, "Content-Type"),
        "message/sipfrag;version=2.0"
    );
    String::from_utf8(notify.body().to_vec()).unwrap()
}

/// Sends a REFER over UDP that is accepted; what its NOTIFY says, which is answered.
async fn refer(client: &Udp, refer: Refer) -> String {
    let answer = client.ask(refer.from(client)).await;
    assert_eq!(
        status(&answer),
        202,
        "{}",
        String::from_utf8_lossy(answer.raw())
    );
    let notify = client.receive().await;
    client.send(reply(&notify, "200 OK")).await;
    outcome(&notify)
}

async fn reports(app: &TestApp) -> usize {
    app.get("/api/v1/reports").await.json()["items"]
        .as_array()
        .unwrap()
        .len()
}

on_both_databases! {
    async fn the_owner_deletes_and_is_told(app: TestApp) {
        let id = app.store(Pager::new().asking("34jk324j")).await;
        let other = app.store(Pager::new()).await;
        let client = Udp::to(&app).await;
        let request = Refer::to(&id).from(&client);
        let answer = client.ask(request.clone()).await;
        assert_eq!(status(&answer), 202);
        let own = app.sip;
        assert_eq!(header(&answer, "Contact"), format!("<sip:{own}>"));
        // The 202 means that it is done.
        assert_eq!(app.waiting(ALICE).await, 1);
        let notify = client.receive().await;
        let (n, address) = (request.n, client.0.local_addr().unwrap());
        let to = header(&answer, "To");
        let via = header(&notify, "Via");
        assert!(via.starts_with(&format!("SIP/2.0/UDP {own};rport;branch=z9hG4bK")), "{via}");
        assert_eq!(
            std::str::from_utf8(notify.raw()).unwrap(),
            format!(
                "NOTIFY sip:alice@{address} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\nFrom: {to}\r\n\
                 To: \"Alice\" <sip:alice@example.org>;tag=r{n}\r\nCall-ID: refer-{n}@client.example.org\r\nCSeq: 1 NOTIFY\r\n\
                 Contact: <sip:{own}>\r\nEvent: refer\r\nSubscription-State: terminated;reason=noresource\r\n\
                 Content-Type: message/sipfrag;version=2.0\r\nContent-Length: 16\r\n\r\nSIP/2.0 200 OK\r\n"
            )
        );
        client.send(reply(&notify, "200 OK")).await;
        let path = format!("/xcap-root/org.openmobilealliance.deferred-list/users/{ALICE}/deferred-list");
        let document = app.get(&path).await.text();
        assert!(!document.contains(&id) && document.contains(&other), "{document}");
        assert_eq!(reports(&app).await, 1);
        // The same datagram again is the same request; the same message again is there no longer.
        assert_eq!(client.ask(request).await.raw(), answer.raw());
        assert_eq!(refer(&client, Refer::to(&id)).await, NOT_FOUND);
        assert_eq!((app.waiting(ALICE).await, reports(&app).await), (1, 1));
        let report = app.get("/api/v1/reports").await.json();
        assert_eq!(report["items"][0]["reason"], "requested", "{report}");
    }

    async fn over_a_connection_the_notify_comes_on_it(app: TestApp) {
        let id = app.store(Pager::new()).await;
        let mut client = Tcp::to(&app).await;
        let request = Refer::to(&id).over(&client);
        assert_eq!(status(&client.ask(request).await), 202);
        let notify = client.receive().await;
        assert_eq!(outcome(&notify), OK);
        assert!(header(&notify, "Via").starts_with("SIP/2.0/TCP "));
        assert_eq!(header(&notify, "Contact"), format!("<sip:{};transport=tcp>", app.sip));
        client.send(reply(&notify, "200 OK")).await;
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    /// Somebody else's message and one that never was cannot be told apart.
    async fn what_is_not_the_askers_is_not_found(app: TestApp) {
        let hers = app.store(Pager::new()).await;
        let his = app.store(Pager::new().to(BOB)).await;
        let client = Udp::to(&app).await;
        let never = format!("{}9", &hers[..hers.len() - 1]);
        let no_account = format!("999{}", &hers[hers.len() - 10..]);
        for id in [his.as_str(), &never, &no_account] {
            assert_eq!(refer(&client, Refer::to(id)).await, NOT_FOUND, "{id}");
        }
        let elsewhere = Refer::with("Refer-To", &format!("<sip:{hers}@mail.example.com>"));
        assert_eq!(refer(&client, elsewhere).await, NOT_FOUND);
        let bob = Refer::to(&hers).asserted(BOB);
        assert_eq!(refer(&client, bob).await, NOT_FOUND);
        assert_eq!((app.waiting(ALICE).await, app.waiting(BOB).await), (1, 1));
        let bob = Refer::to(&his).asserted("sips:bob@EXAMPLE.org");
        assert_eq!(refer(&client, bob).await, OK);
        // A number beside the address is the same person's.
        let number = app.store(Pager::new().to("tel:+4930123")).await;
        let both = Refer::to(&number).header("P-Asserted-Identity", "<tel:+49-30-123>");
        assert_eq!(refer(&client, both).await, OK);
    }

    async fn real_clients_write_it_in_many_ways(app: TestApp) {
        let client = Udp::to(&app).await;
        for (name, value) in [
            ("Refer-To", "<sip:ID@mail.example.org;method=MESSAGE>"),
            ("r", "sip:ID@mail.example.org;method=BYE"),
            ("Refer-To", "\"Message\" <sips:ID@MAIL.example.org.?Subject=x%20y>"),
            ("refer-to", "sip:ID@mail.example.org?Accept-Contact=*"),
            ("Refer-To", "<sip:ID@mail.example.org:5060;transport=tcp>;x=y"),
            ("Refer-To", "<sip:00000000ID@mail.example.org>"),
        ] {
            let id = app.store(Pager::new()).await;
            let request = Refer::with(name, &value.replace("ID", &id));
            assert_eq!(refer(&client, request).await, OK, "{value}");
            assert_eq!(app.waiting(ALICE).await, 0);
        }
    }

    async fn what_cannot_be_followed_is_refused_and_deletes_nothing(app: TestApp) {
        let id = app.store(Pager::new()).await;
        let good = format!("<sip:{id}@mail.example.org>");
        let list = |uris: &[&str]| Refer::list(&uris.iter().map(|uri| (*uri).to_owned()).collect::<Vec<_>>());
        let bare = format!("sip:{id}@mail.example.org");
        let loose = Refer { more: Refer::list(&[]).more.replace("norefersub", "timer").replace("Refer-Sub: false", "X: y"), ..list(&[&bare]) };
        let in_dialog = |raw: Vec<u8>| String::from_utf8(raw).unwrap().replace("To: <sip:mail.example.org>", "To: <sip:mail.example.org>;tag=x");
        let client = Udp::to(&app).await;
        let to = |value: &str| Vec::from(Refer::with("Refer-To", value).from(&client));
        for (raw, expected, needs) in [
            (Vec::from(Refer::with("X", "y").from(&client)), 400, "Warning"),
            (to(&format!("{good}, {good}")), 400, "Warning"),
            (Vec::from(Refer::to(&id).header("Refer-To", &good).from(&client)), 400, "Warning"),
            (to("<sip:bob@example.org;method=INVITE>"), 603, "Warning"),
            (to("<http://mail.example.org/>"), 603, "Warning"),
            (to("<sip:broken"), 400, "Warning"),
            // There is nobody to be notified.
            (Vec::from(Refer::to(&id)), 400, "Warning"),
            (Vec::from(Refer::to(&id).header("Contact", "<mailto:alice@example.org>")), 400, "Warning"),
            (in_dialog(Refer::to(&id).from(&client).into()).into_bytes(), 481, "Warning"),
            (Vec::from(Refer::to(&id).asserted("").from(&client)), 403, "Warning"),
            (Vec::from(Refer::to(&id).asserted("sip:example.org").from(&client)), 403, "Warning"),
            (Vec::from(Refer::to(&id).header("Require", "explicitsub").from(&client)), 420, "Unsupported"),
            (loose.into(), 421, "Require"),
            (list(&[&bare, BOB]).into(), 603, "Warning"),
            (list(&[]).into(), 400, "Warning"),
            (list(&vec![bare.as_str(); 501]).into(), 413, "Warning"),
        ] {
            let text = String::from_utf8_lossy(&raw).into_owned();
            let answer = client.ask(raw).await;
            assert_eq!(status(&answer), expected, "{text}");
            assert!(answer.header(needs).is_some(), "{}", String::from_utf8_lossy(answer.raw()));
            assert_eq!(app.waiting(ALICE).await, 1);
        }
    }

    async fn who_wants_no_notify_gets_none(app: TestApp) {
        let client = Udp::to(&app).await;
        for (name, value) in [("Refer-Sub", "false"), ("Require", "norefersub")] {
            let id = app.store(Pager::new()).await;
            let quiet = Refer::to(&id).header(name, value);
            let answer = client.ask(quiet.clone()).await;
            assert_eq!((status(&answer), header(&answer, "Refer-Sub").as_str()), (200, "false"));
            assert_eq!(app.waiting(ALICE).await, 0);
            // Nor is there one for what is gone: the next thing that comes is the next answer.
            let again = Refer { n: quiet.n + 1_000_000, ..quiet };
            assert_eq!(status(&client.ask(again).await), 200);
        }
    }

    async fn a_list_is_deleted_at_once(app: TestApp) {
        let mut ids = Vec::new();
        for n in 0..4 {
            ids.push(app.store(Pager::new().asking(&format!("list{n}"))).await);
        }
        let his = app.store(Pager::new().to(BOB)).await;
        let uri = |id: &str| format!("sip:{id}@mail.example.org;method=BYE");
        let missing = format!("{}9", &ids[0][..ids[0].len() - 1]);
        let version = async || app.get(&format!("/xcap-root/org.openmobilealliance.deferred-list/users/{ALICE}/deferred-list")).await
            .header("etag").trim_matches('"').rsplit('-').next().unwrap().to_owned();
        let before = version().await;
        let uris = [uri(&ids[0]), uri(&missing), uri(&ids[2]), uri(&his), uri(&ids[0])];
        let client = Udp::to(&app).await;
        let answer = client.ask(Refer::list(&uris)).await;
        assert_eq!((status(&answer), header(&answer, "Refer-Sub").as_str()), (200, "false"));
        let listed = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        let left: Vec<_> = listed["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect();
        assert_eq!(left, [ids[3].as_str(), ids[1].as_str()]);
        assert_eq!((app.waiting(BOB).await, reports(&app).await), (1, 2));
        assert_ne!(version().await, before);
    }

    async fn strangers_prove_who_they_are(app: TestApp, "[sip]\ntrusted_peers = []\nstrangers = 'digest'") {
        let hers = app.store(Pager::new()).await;
        let his = app.store(Pager::new().to(BOB)).await;
        let password = token(&app, "alice's phone", TokenScope::Delete, &[ALICE]).await;
        let gateway = token(&app, "gateway", TokenScope::Gateway, &[]).await;
        let client = Udp::to(&app).await;
        let offered = challenges(&client.ask(Refer::to(&hers).from(&client)).await);
        let proved = |id: &str, name: &str, password: &str| {
            let proof = proof(&offered[0], name, password, "REFER", "sip:mail.example.org");
            Refer::to(id).header("Authorization", "Digest username=\"al\", realm=\"proxy.example.net\", nonce=\"n\"")
                .header("Authorization", &proof)
        };
        for (name, password) in [("alice's phone", "guess"), ("gateway", gateway.as_str())] {
            let refused = client.ask(proved(&hers, name, password).from(&client)).await;
            assert_eq!(status(&refused), 403, "{name}");
        }
        // What they assert is not believed: the account is the token's.
        let as_bob = proved(&his, "alice's phone", &password).asserted(BOB);
        assert_eq!(refer(&client, as_bob).await, NOT_FOUND);
        let proof = proof(&offered[0], "alice's phone", &password, "MESSAGE", ALICE);
        let message = crate::support::sip::pager().header("Authorization", &proof);
        assert_eq!(status(&client.ask(message).await), 403, "it is good for deleting alone");
        // Nor where they say they are: it is told to whoever asked.
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let contact = format!("<sip:alice@{};transport=tcp>", listener.local_addr().unwrap());
        let elsewhere = Refer { contact, ..proved(&hers, "alice's phone", &password) };
        assert_eq!(status(&client.ask(elsewhere).await), 202);
        assert_eq!(outcome(&client.receive().await), OK);
        let tried = timeout(Duration::ZERO, listener.accept()).await;
        assert!(tried.is_err(), "whoever is named is not even called");
        assert_eq!((app.waiting(ALICE).await, app.waiting(BOB).await), (0, 1));
    }

    async fn unknown_peers_are_refused(app: TestApp, "[sip]\ntrusted_peers = ['192.0.2.0/24']") {
        let id = app.store(Pager::new()).await;
        let client = Udp::to(&app).await;
        assert_eq!(status(&client.ask(Refer::to(&id).from(&client)).await), 403);
        assert_eq!(app.waiting(ALICE).await, 1);
    }

    async fn no_database_no_202(app: TestApp) {
        let client = Udp::to(&app).await;
        app.mailbox.db.clone().close().await.unwrap();
        let answer = client.ask(Refer::to("10000000001").from(&client)).await;
        assert_eq!(status(&answer), 503);
        assert!(!header(&answer, "Retry-After").is_empty());
    }

    /// The NOTIFY goes where the dialog says, by the transport that it says.
    async fn a_notify_is_sent_by_another_way_if_need_be(app: TestApp) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let client = Udp::to(&app).await;
        let id = app.store(Pager::new()).await;
        let by_tcp = Refer { contact: format!("<sip:alice@{there};transport=tcp>"), ..Refer::to(&id) };
        assert_eq!(status(&client.ask(by_tcp).await), 202);
        let mut connection = Tcp::accept(&listener).await;
        let notify = connection.receive().await;
        assert_eq!(outcome(&notify), OK);
        assert!(header(&notify, "Via").starts_with(&format!("SIP/2.0/TCP {};", app.sip)));
        connection.send(reply(&notify, "200 OK")).await;
        // By the proxies that want to stay in the path.
        let proxy = Udp::to(&app).await;
        let address = proxy.0.local_addr().unwrap();
        let id = app.store(Pager::new()).await;
        let routed = Refer::to(&id).header("Record-Route", &format!("<sip:{address};lr>, <sip:edge.example.net;lr>"));
        let answer = client.ask(routed.from(&client)).await;
        assert_eq!(status(&answer), 202);
        assert!(header(&answer, "Record-Route").contains("edge.example.net"));
        let notify = proxy.receive().await;
        assert_eq!(outcome(&notify), OK);
        proxy.send(reply(&notify, "408 Request Timeout")).await;
        assert_eq!(header(&notify, "Route"), format!("<sip:{address};lr>, <sip:edge.example.net;lr>"));
        // What the subscriber answers changes nothing, and nothing is sent again.
        for (line, id) in [("481 Gone", app.store(Pager::new()).await), ("401 Unauthorized", app.store(Pager::new()).await)] {
            assert_eq!(status(&client.ask(Refer::to(&id).from(&client)).await), 202);
            let notify = client.receive().await;
            assert_eq!(outcome(&notify), OK);
            client.send(reply(&notify, line)).await;
        }
        assert_eq!(app.waiting(ALICE).await, 0);
    }

    /// A session whose SIP connection is gone ends with a BYE all the same, over another.
    async fn a_bye_finds_another_connection(app: TestApp, "[sip]\nidle_timeout = '300ms'") {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        let mut client = Tcp::over(TcpStream::connect(app.sip).await.unwrap());
        let raw = String::from_utf8(Invite::new().sdp(offer("TCP/MSRP", PATH, "actpass")).bytes(there)).unwrap();
        let raw = raw.replace(&format!("<sip:carol@{there}>"), &format!("<sip:carol@{there};transport=tcp>"));
        let mut ok = client.ask(raw.replace("SIP/2.0/UDP", "SIP/2.0/TCP")).await;
        while status(&ok) < 200 {
            ok = client.receive().await;
        }
        let sdp = String::from_utf8(ok.body().to_vec()).unwrap();
        let path = crate::support::msrp::attribute(&sdp, "path");
        let ack = format!(
            "ACK sip:{} SIP/2.0\r\nVia: SIP/2.0/TCP client.example.org;branch=z9hG4bKack\r\nMax-Forwards: 70\r\nFrom: {}\r\nTo: {}\r\n\
             Call-ID: {}\r\nCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
            app.sip, header(&ok, "From"), header(&ok, "To"), header(&ok, "Call-ID")
        );
        client.send(ack).await;
        let mut msrp = Msrp::connect(&path).await;
        let chunk = format!("MSRP half SEND\r\nTo-Path: {path}\r\nFrom-Path: {PATH}\r\nMessage-ID: half01\r\n\
            Byte-Range: 1-4/8\r\nContent-Type: text/plain\r\n\r\nHalf\r\n-------half+\r\n");
        assert_eq!(msrp.ask(chunk).await, 200);
        // The server has closed its end when ours reads nothing more.
        client.stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client.stream, &mut rest).await.unwrap();
        drop(msrp);
        let mut connection = Tcp::accept(&listener).await;
        let bye = connection.receive().await;
        assert_eq!(bye.method(), Some("BYE"));
        connection.send(reply(&bye, "200 OK")).await;
    }

    /// RFC 3261 section 15.1.2: what follows a BYE is of no session.
    async fn a_bye_ends_the_repetition_of_the_200(app: TestApp) {
        let mut session = invite(&app, &Invite::new()).await;
        let unacknowledged = Udp::to(&app).await;
        let answer = crate::support::msrp::ask(&unacknowledged, &Invite::new()).await;
        assert_eq!(status(&answer), 200);
        let bye = format!(
            "BYE sip:{} SIP/2.0\r\nVia: SIP/2.0/UDP client.example.org;branch=z9hG4bKbye{};rport\r\nMax-Forwards: 70\r\nFrom: {}\r\n\
             To: {}\r\nCall-ID: {}\r\nCSeq: 2 BYE\r\nContent-Length: 0\r\n\r\n",
            app.sip, header(&answer, "Call-ID").replace('@', "."), header(&answer, "From"), header(&answer, "To"), header(&answer, "Call-ID")
        );
        unacknowledged.send(bye).await;
        while header(&unacknowledged.receive().await, "CSeq") != "2 BYE" {}
        // The next repetition would be due within a second and a half.
        let repeated = timeout(Duration::from_millis(1800), unacknowledged.0.recv(&mut [0; 4096])).await;
        assert!(repeated.is_err(), "the 200 was repeated after the BYE");
        assert_eq!(session.bye().await, 200);
    }
}
