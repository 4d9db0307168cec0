//! SUBSCRIBE and NOTIFY: of documents that change (RFC 5875), of the metadata document, and of how much waits.

use restante::domain::access::TokenScope;
use restante::domain::access::TokenScope::{Delete, Read};
use restante::sip::Message;

use crate::on_both_databases;
use crate::support::clients::sipp;
use crate::support::digest::{challenges, proof, token};
use crate::support::message::Pager;
use crate::support::sip::{Tcp, Udp, header, reply, status};
use crate::support::subscriber::{Subscriber, Told, changed, exists, gone, list, root, told};
use crate::support::xcap::{AOR as ALICE, Client, DOCUMENT, EL, LISTS, LISTS_TYPE, node};
use crate::support::{Backend, TestApp};

const BOB: &str = "sip:bob@example.org";
const HOME: &str = "resource-lists/users/sip:alice@example.org/";
const INDEX: &str = "resource-lists/users/sip:alice@example.org/index";
const WAITING: &str =
    "org.openmobilealliance.deferred-list/users/sip:alice@example.org/deferred-list";
const OTHER: &str = "<resource-lists xmlns='urn:ietf:params:xml:ns:resource-lists'><list name='x'/></resource-lists>";
const EVENTS: &str = "xcap-diff, ua-profile, sip-profile, message-summary";

fn text(message: &Message) -> String {
    String::from_utf8_lossy(message.raw()).into_owned()
}

/// The entity tag by HTTP.
async fn etag(app: &TestApp, sel: &str) -> String {
    let answer = app.get(&format!("/xcap-root/{sel}")).await;
    assert_eq!(answer.status, 200, "{sel}");
    answer.header("etag").to_owned()
}

/// How a NOTIFY of an ended subscription says why.
#[track_caller]
fn assert_ended(notify: &Message, reason: &str) {
    let state = header(notify, "Subscription-State");
    assert_eq!(
        state,
        format!("terminated;reason={reason}"),
        "{}",
        text(notify)
    );
}

on_both_databases! {
    /// RFC 5875 sections A.2 to A.4.
    async fn documents_are_told_by_their_tags(app: TestApp, "[sip]\nnotify_interval = '50ms'\n") {
        let alice = Client::alice(&app).await;
        let first = alice.document().await;
        let mut subscriber = Subscriber::alice(&app, "xcap-diff; diff-processing=aggregate").await;
        let answer = subscriber.subscribe(None, &[HOME]).await;
        assert_eq!((status(&answer), header(&answer, "Expires").as_str()), (200, "3600"), "{}", text(&answer));
        assert_eq!(header(&answer, "Contact"), format!("<sip:{}>", app.sip));
        let notify = subscriber.notified().await;
        assert_eq!(root(&notify), format!("{}/xcap-root/", app.url));
        let state = header(&notify, "Subscription-State");
        assert!(matches!(state.as_str(), "active;expires=3600" | "active;expires=3599"), "{state}");
        assert_eq!(told(&notify), [exists(INDEX, &first)]);
        assert_eq!(etag(&app, INDEX).await, first);
        let second = alice.put(LISTS, LISTS_TYPE, OTHER).await.header("etag").to_owned();
        assert_eq!(subscriber.told().await, [changed(INDEX, &first, &second)]);
        let more = format!("{HOME}another%20one.xml");
        let other = alice.put(&format!("/xcap-root/{more}"), LISTS_TYPE, OTHER).await.header("etag").to_owned();
        // What is known already is not told again.
        assert_eq!(subscriber.told().await, [exists(&more, &other)]);
        assert_eq!(alice.delete(LISTS).await.status, 200);
        assert_eq!(subscriber.told().await, [gone(INDEX, &second)]);
        // The same again is no change; the next one is told.
        alice.put(&format!("/xcap-root/{more}"), LISTS_TYPE, OTHER).await;
        let third = alice.document().await;
        assert_eq!(subscriber.told().await, [exists(INDEX, &third)]);
    }

    /// RFC 5875 section A.5, and RFC 5874 section 3 on namespaces.
    async fn elements_and_attributes_are_told_by_what_is_in_them(app: TestApp, "[sip]\nnotify_interval = '50ms'\n") {
        let alice = Client::alice(&app).await;
        let friends = format!("{INDEX}/~~/resource-lists/list%5b@name=%22friends%22%5d/entry[1]");
        let lang = format!("{INDEX}/~~/resource-lists/list[@name='friends']/entry[2]/display-name/@xml:lang?xmlns(xml=http://www.w3.org/XML/1998/namespace)");
        let name = format!("{INDEX}/~~/p:resource-lists/p:list[2]/@name?xmlns(p=urn:ietf:params:xml:ns:resource-lists)");
        let bindings = format!("{INDEX}/~~/resource-lists/namespace::*");
        let mut subscriber = Subscriber::alice(&app, "xcap-diff").await;
        subscriber.subscribed(&[&friends, &name, &bindings, &lang]).await;
        // There is nothing to indicate.
        assert_eq!(subscriber.told().await, []);
        alice.document().await;
        let told = subscriber.told().await;
        let entry = Told::Element(friends.clone(), true, "<entry uri=\"sip:bob@example.org\"\t/>".into());
        assert!(told.contains(&entry), "{told:?}");
        assert!(told.contains(&Told::Attribute(name.clone(), true, "empty".into())), "{told:?}");
        assert!(told.contains(&Told::Attribute(lang.clone(), true, "de".into())), "{told:?}");
        assert_eq!(told.len(), 3);
        // Elsewhere in the document, and then there.
        assert_eq!(alice.put(&node("resource-lists/list%5b2%5d/entry"), EL, "<entry uri='sip:x@y'/>").await.status, 201);
        let new = "<entry uri='sip:bob@example.org'><display-name>B &amp; C</display-name></entry>";
        assert_eq!(alice.put(&node("resource-lists/list%5b1%5d/entry%5b1%5d"), EL, new).await.status, 200);
        assert_eq!(subscriber.told().await, [Told::Element(friends.clone(), true, new.into())]);
        // With the parent its child is gone.
        assert_eq!(alice.delete(&node("resource-lists/list%5b@name=%22friends%22%5d")).await.status, 200);
        let told = subscriber.told().await;
        for sel in [&name, &lang] {
            assert!(told.contains(&Told::Attribute(sel.clone(), false, String::new())), "{told:?}");
        }
        assert!(told.contains(&Told::Element(friends, false, String::new())), "{told:?}");
    }

    async fn the_deferred_list_is_told_as_messages_come_and_go(app: TestApp, "[sip]\nnotify_interval = '50ms'\n") {
        let mut tags = Subscriber::alice(&app, "xcap-diff").await;
        let mut profile = Subscriber::alice(&app, "ua-profile;profile-type=user").await;
        profile.more = "Accept: application/vnd.oma.im.deferred-list+xml\r\n".into();
        let mut lamp = Subscriber::alice(&app, "message-summary").await;
        tags.subscribed(&["org.openmobilealliance.deferred-list/"]).await;
        assert_eq!(tags.told().await, []);
        profile.subscribed(&[]).await;
        let empty = profile.notified().await;
        assert_eq!(header(&empty, "Content-Type"), "application/vnd.oma.im.deferred-list+xml");
        assert!(!text(&empty).contains("<history ") && text(&empty).contains("<history-list "), "{}", text(&empty));
        lamp.subscribed(&[]).await;
        let summary = async || {
            let notify = lamp.notified().await;
            assert_eq!(header(&notify, "Content-Type"), "application/simple-message-summary");
            String::from_utf8(notify.body().to_vec()).unwrap()
        };
        let says = |word: &str, count: u32| {
            format!("Messages-Waiting: {word}\r\nMessage-Account: {ALICE}\r\nText-Message: {count}/0\r\n")
        };
        assert_eq!(summary().await, says("no", 0));
        let id = app.store(Pager::new()).await;
        // As HTTP gives it, byte for byte.
        let path = format!("/xcap-root/{WAITING}");
        assert_eq!(profile.notified().await.body(), app.get(&path).await.body);
        let one = etag(&app, WAITING).await;
        assert_eq!(tags.told().await, [exists(WAITING, &one)]);
        assert_eq!(summary().await, says("yes", 1));
        assert_eq!(app.delete(&format!("/api/v1/accounts/{ALICE}/messages/{id}")).await.status, 204);
        let two = etag(&app, WAITING).await;
        assert_eq!(tags.told().await, [changed(WAITING, &one, &two)]);
        assert_eq!(profile.notified().await.body(), app.get(&path).await.body);
        assert_eq!(summary().await, says("no", 0));
    }

    async fn what_others_have_is_left_out(app: TestApp, "[sip]\nnotify_interval = '50ms'\n") {
        let alice = Client::alice(&app).await;
        let first = alice.document().await;
        let bob = Client { app: &app, token: app.token(&[Read, Delete], &[BOB]).await };
        let his = "resource-lists/users/sip:bob@example.org/index";
        let path = format!("/xcap-root/{his}");
        assert_eq!(bob.put(&path, LISTS_TYPE, OTHER).await.status, 201);
        let operator = Client { app: &app, token: app.operator.clone() };
        let shared = "resource-lists/global/index";
        let for_all = operator.put(&format!("/xcap-root/{shared}"), LISTS_TYPE, OTHER).await.header("etag").to_owned();
        let mut subscriber = Subscriber::alice(&app, "xcap-diff").await;
        let node = format!("{his}/~~/resource-lists/list");
        subscriber.subscribed(&[his, &node, "resource-lists/users/sip:bob@example.org/", "resource-lists/", "rubbish", "xcap-caps/global/index"]).await;
        let told = subscriber.told().await;
        let caps = etag(&app, "xcap-caps/global/index").await;
        assert_eq!(told, [exists(shared, &for_all), exists(INDEX, &first), exists("xcap-caps/global/index", &caps)]);
        // What he does is none of her business; what is everybody's is.
        assert_eq!(bob.put(&path, LISTS_TYPE, DOCUMENT).await.status, 200);
        let again = operator.put(&format!("/xcap-root/{shared}"), LISTS_TYPE, DOCUMENT).await.header("etag").to_owned();
        assert_eq!(subscriber.told().await, [changed(shared, &for_all, &again)]);
        // Nor does a subscription become hers by its name.
        let mut thief = subscriber;
        thief.asserted = BOB;
        assert_eq!(status(&thief.subscribe(Some(600), &[his]).await), 403);
        // An account that is erased takes its documents along.
        assert_eq!(app.delete(&format!("/api/v1/accounts/{ALICE}")).await.status, 200);
        assert_eq!(thief.told().await, [gone(INDEX, &first)]);
    }

    async fn a_refresh_tells_all_again_and_may_change_the_list(app: TestApp, "[sip]\nnotify_interval = '1h'\n") {
        let alice = Client::alice(&app).await;
        let first = alice.document().await;
        let mut subscriber = Subscriber::alice(&app, "xcap-diff").await;
        let absolute = format!("{}/xcap-root/{INDEX}", app.url);
        subscriber.subscribed(&[&absolute]).await;
        assert_eq!(subscriber.told().await, [exists(INDEX, &first)]);
        // Changes wait for their time, a refresh does not. A proxy need not say again who asks.
        let second = alice.put(LISTS, LISTS_TYPE, OTHER).await.header("etag").to_owned();
        subscriber.asserted = "";
        subscriber.subscribed(&[]).await;
        assert_eq!(subscriber.told().await, [exists(INDEX, &second)]);
        app.store(Pager::new()).await;
        subscriber.subscribed(&[WAITING]).await;
        let waiting = etag(&app, WAITING).await;
        assert_eq!(subscriber.told().await, [exists(WAITING, &waiting)]);
        // One that comes late changes nothing.
        let late = subscriber.request(Some(600), "", "").replace("CSeq: 4 ", "CSeq: 2 ");
        assert_eq!(status(&subscriber.client.ask(late).await), 500);
        let answer = subscriber.subscribe(Some(0), &[]).await;
        assert_eq!((status(&answer), header(&answer, "Expires").as_str()), (200, "0"));
        let last = subscriber.notified().await;
        assert_ended(&last, "timeout");
        assert_eq!(told(&last), [exists(WAITING, &waiting)]);
        assert_eq!(status(&ended(&mut subscriber).await), 481);
    }

    async fn with_expires_0_there_is_one_notify(app: TestApp) {
        let first = Client::alice(&app).await.document().await;
        let mut subscriber = Subscriber::alice(&app, "xcap-diff").await;
        let answer = subscriber.subscribe(Some(0), &[INDEX]).await;
        assert_eq!((status(&answer), header(&answer, "Expires").as_str()), (200, "0"));
        let only = subscriber.notified().await;
        assert_ended(&only, "timeout");
        assert_eq!(told(&only), [exists(INDEX, &first)]);
        assert_eq!(status(&ended(&mut subscriber).await), 481);
    }

    async fn it_ends_when_nobody_refreshes(app: TestApp, "[sip]\nmin_subscription = '1s'\nmax_subscription = '1s'\n") {
        let mut subscriber = Subscriber::alice(&app, "message-summary").await;
        let answer = subscriber.subscribe(Some(3600), &[]).await;
        assert_eq!((status(&answer), header(&answer, "Expires").as_str()), (200, "1"));
        subscriber.notified().await;
        let last = subscriber.notified().await;
        assert_ended(&last, "timeout");
        assert_eq!(last.body(), "");
        assert_eq!(status(&ended(&mut subscriber).await), 481);
    }

    /// RFC 5875 section 4.7: one NOTIFY at a time, and what changes meanwhile in the next one.
    async fn changes_while_a_notify_is_under_way_become_one(app: TestApp, "[sip]\nnotify_interval = '0s'\n") {
        let alice = Client::alice(&app).await;
        let first = alice.document().await;
        let mut subscriber = Subscriber::alice(&app, "xcap-diff;diff-processing=xcap-patching").await;
        subscriber.subscribed(&[INDEX]).await;
        let notify = subscriber.client.receive().await;
        let mut last = String::new();
        for body in [OTHER, DOCUMENT, OTHER] {
            let put = alice.put(LISTS, LISTS_TYPE, body).await;
            put.header("etag").clone_into(&mut last);
        }
        // Nothing but the first one comes, again.
        for _ in 0..2 {
            assert_eq!(subscriber.client.receive().await.raw(), notify.raw());
        }
        assert_eq!(told(&notify), [exists(INDEX, &first)]);
        subscriber.client.send(reply(&notify, "200 OK")).await;
        let next = loop {
            let next = subscriber.client.receive().await;
            if next.raw() != notify.raw() {
                break next;
            }
        };
        assert_eq!(header(&next, "CSeq"), "2 NOTIFY");
        assert_eq!(told(&next), [changed(INDEX, &first, &last)]);
    }

    /// What a subscriber refuses for now it is told later; who knows of no subscription has none.
    async fn refusals_of_a_notify_count(app: TestApp, "[sip]\nnotify_interval = '0s'\n") {
        let alice = Client::alice(&app).await;
        let first = alice.document().await;
        let mut subscriber = Subscriber::alice(&app, "xcap-diff").await;
        subscriber.subscribed(&[INDEX]).await;
        let notify = subscriber.client.receive().await;
        subscriber.client.send(reply(&notify, "500 Busy\r\nRetry-After: 1")).await;
        assert_eq!(subscriber.told().await, [exists(INDEX, &first)]);
        let second = alice.put(LISTS, LISTS_TYPE, OTHER).await.header("etag").to_owned();
        let notify = subscriber.client.receive().await;
        assert_eq!(told(&notify), [changed(INDEX, &first, &second)]);
        subscriber.client.send(reply(&notify, "481 No Such Subscription")).await;
        assert_eq!(status(&ended(&mut subscriber).await), 481);
    }

    async fn what_cannot_be_subscribed_to_is_refused(app: TestApp) {
        let long: Vec<String> = (0..101).map(|n| format!("{HOME}{n}")).collect();
        let long: Vec<&str> = long.iter().map(String::as_str).collect();
        let (good, long) = (list(&[INDEX]), list(&long));
        let lists = "application/resource-lists+xml";
        for (event, more, expires, content_type, body, expected, needs, value) in [
            ("presence", "", 600, lists, good.as_str(), 489, "Allow-Events", EVENTS),
            ("", "", 600, lists, &good, 489, "Allow-Events", EVENTS),
            ("xcap-diff;id=\"", "", 600, lists, &good, 400, "Warning", ""),
            ("xcap-diff", "Accept: application/pidf+xml\r\n", 600, lists, &good, 406, "Accept", "application/xcap-diff+xml"),
            ("xcap-diff", "Accept: application/xcap-diff+xml;q=0\r\n", 600, lists, &good, 406, "Accept", ""),
            ("ua-profile", "", 600, "", "", 406, "Accept", "application/vnd.oma.im.deferred-list+xml"),
            ("sip-profile", "Accept: message/external-body\r\n", 600, "", "", 406, "Accept", ""),
            ("xcap-diff", "", 59, lists, &good, 423, "Min-Expires", "60"),
            ("xcap-diff", "", 600, lists, "", 400, "Warning", ""),
            ("xcap-diff", "", 600, "text/plain", &good, 415, "Accept", lists),
            ("xcap-diff", "", 600, lists, "<resource-lists", 400, "Warning", ""),
            ("xcap-diff", "", 600, lists, &long, 413, "Warning", ""),
            ("xcap-diff", "Contact: <sip:two@192.0.2.1>\r\n", 600, lists, &good, 400, "Warning", ""),
        ] {
            let mut subscriber = Subscriber::alice(&app, event).await;
            subscriber.more = more.into();
            let request = subscriber.request(Some(expires), content_type, body);
            let answer = subscriber.client.ask(request).await;
            assert_eq!(status(&answer), expected, "{event} {more} {}", text(&answer));
            let found = answer.header(needs).unwrap_or_else(|| panic!("{event} {more} {}", text(&answer))).text();
            assert!(value.is_empty() || found == value, "{found}");
        }
        let mut nobody = Subscriber::alice(&app, "xcap-diff").await;
        nobody.asserted = "";
        assert_eq!(status(&nobody.subscribe(Some(600), &[INDEX]).await), 403);
        assert_eq!(status(&ended(&mut nobody).await), 481);
        let options = Pager::new();
        let options = String::from_utf8(options.bytes()).unwrap().replace("MESSAGE", "OPTIONS").replace(";branch", ";rport;branch");
        let answer = Udp::to(&app).await.ask(options).await;
        assert_eq!(header(&answer, "Allow-Events"), EVENTS);
    }

    async fn nobody_has_too_many(app: TestApp, "[sip]\nmax_subscriptions = 60\nmax_subscriptions_per_peer = 60\n") {
        let mut all = Vec::new();
        for n in 0..51 {
            let mut subscriber = Subscriber::alice(&app, "message-summary").await;
            let answer = subscriber.subscribe(Some(600), &[]).await;
            assert_eq!(status(&answer), if n < 50 { 200 } else { 503 }, "{n}");
            if n < 50 {
                subscriber.notified().await;
            } else {
                assert_eq!(header(&answer, "Retry-After"), "60");
            }
            all.push(subscriber);
        }
        let bob = async || {
            let mut bob = Subscriber::alice(&app, "message-summary").await;
            bob.asserted = BOB;
            bob.uri = BOB.into();
            let answer = bob.subscribe(Some(600), &[]).await;
            (status(&answer), bob)
        };
        let mut his = Vec::new();
        for _ in 0..10 {
            let (status, bob) = bob().await;
            assert_eq!(status, 200);
            bob.notified().await;
            his.push(bob);
        }
        assert_eq!(bob().await.0, 503);
        // There is room again when one has ended.
        assert_eq!(status(&all[0].subscribe(Some(0), &[]).await), 200);
        assert_ended(&all[0].notified().await, "timeout");
        loop {
            let (status, last) = bob().await;
            if status == 200 {
                last.notified().await;
                break;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn strangers_prove_who_they_are(app: TestApp, "[sip]\ntrusted_peers = []\nstrangers = 'digest'\nnotify_interval = '50ms'\n") {
        let first = Client::alice(&app).await.document().await;
        let (read, gateway) = (
            token(&app, "alice's phone", TokenScope::Read, &[ALICE]).await,
            token(&app, "gateway", TokenScope::Gateway, &[]).await,
        );
        let mut subscriber = Subscriber::alice(&app, "xcap-diff").await;
        let challenge = challenges(&subscriber.subscribe(Some(600), &[HOME]).await).remove(0);
        let prove = |subscriber: &mut Subscriber, name: &str, password: &str| {
            let value = proof(&challenge, name, password, "SUBSCRIBE", ALICE);
            subscriber.more = format!("Authorization: {value}\r\n");
        };
        prove(&mut subscriber, "gateway", &gateway);
        assert_eq!(status(&subscriber.subscribe(Some(600), &[HOME]).await), 403);
        prove(&mut subscriber, "alice's phone", &read);
        subscriber.subscribed(&[HOME]).await;
        assert_eq!(subscriber.told().await, [exists(INDEX, &first)]);
        // Whoever proves nothing does not refresh it.
        subscriber.more.clear();
        assert_eq!(status(&subscriber.subscribe(Some(600), &[]).await), 401);
    }

    async fn over_a_connection_the_notify_comes_on_it(app: TestApp) {
        let mut phone = Subscriber::alice(&app, "message-summary").await;
        let mut connection = Tcp::to(&app).await;
        let address = connection.stream.local_addr().unwrap();
        let udp = phone.client.0.local_addr().unwrap();
        let request = phone.request(Some(600), "", "").replace("/UDP", "/TCP").replace(&format!("{udp}>"), &format!("{address};transport=tcp>"));
        assert_eq!(status(&connection.ask(request).await), 200);
        let notify = connection.receive().await;
        assert!(header(&notify, "Via").starts_with("SIP/2.0/TCP "), "{}", text(&notify));
        connection.send(reply(&notify, "200 OK")).await;
    }

    /// RFC 6665 section 4.1.3: a subscriber of one that stops may come again at once.
    async fn a_server_that_stops_says_so(app: TestApp) {
        let mut app = app;
        let mut subscriber = Subscriber::alice(&app, "message-summary").await;
        subscriber.subscribed(&[]).await;
        subscriber.notified().await;
        let (last, ()) = tokio::join!(subscriber.notified(), app.stop());
        assert_ended(&last, "deactivated");
    }

    async fn sipp_is_told_of_a_message(app: TestApp) {
        app.store(Pager::new()).await;
        for transport in ["u1", "t1"] {
            let keys = [("service", "alice"), ("domain", "example.org")];
            let said = sipp(app.sip, "subscribe", transport, 1, &keys).await;
            let (out, err) = (String::from_utf8_lossy(&said.stdout), String::from_utf8_lossy(&said.stderr));
            assert!(said.status.success(), "{err}\n{out}");
        }
    }
}

/// The answer to a refresh of a subscription that has ended, or never was, once it has.
async fn ended(subscriber: &mut Subscriber) -> Message {
    let mut request =
        subscriber.request(Some(600), "application/resource-lists+xml", &list(&[INDEX]));
    if !request.contains("To: <sip:alice@example.org>;tag=") {
        request = request.replace(
            "To: <sip:alice@example.org>",
            "To: <sip:alice@example.org>;tag=none",
        );
    }
    subscriber.client.ask(request).await
}

/// What happens on one node is told by the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_cross_nodes() {
    let url = Backend::Postgres.fresh_url().await.unwrap();
    let config = format!("[sip]\nnotify_interval = '50ms'\n[database]\nurl = '{url}'\n");
    // The embedded one gets no address of its own.
    let one = TestApp::start(Backend::Sqlite, &config).await;
    let other = TestApp::start(Backend::Sqlite, &config).await;
    let mut subscriber = Subscriber::alice(&other, "xcap-diff").await;
    subscriber.subscribed(&[HOME, WAITING]).await;
    assert_eq!(subscriber.told().await, []);
    let first = Client::alice(&one).await.document().await;
    let told = subscriber.told().await;
    assert!(told.contains(&exists(INDEX, &first)), "{told:?}");
    let before = etag(&one, WAITING).await;
    one.store(Pager::new()).await;
    let now = etag(&one, WAITING).await;
    assert_eq!(subscriber.told().await, [changed(WAITING, &before, &now)]);
}
