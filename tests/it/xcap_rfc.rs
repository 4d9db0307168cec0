//! The examples of RFC 4825, RFC 4826 and RFC 5874 as requests to a server: what it answers, with which headers and
//! body. What each edit makes of a document is looked at in `src/xcap/edit/rfc4825_tests.rs`.
//!
//! The root of the examples is `http://xcap.example.com`; here it is `http://xcap.example.com/xcap-root`.

use std::collections::HashSet;

use reqwest::Method;
use restante::domain::access::TokenScope::{Delete, Operator, Read};

use crate::on_both_databases;
use crate::support::xcap::{ATT, Client, EL, LISTS_TYPE, conflict};
use crate::support::{Answer, TestApp};

const SERVICES_TYPE: &str = "application/rls-services+xml";
const GET: Method = Method::GET;
const PUT: Method = Method::PUT;
const DELETE: Method = Method::DELETE;

/// Somebody of the examples, with a token for their own documents.
struct Person<'a>(Client<'a>);

impl<'a> Person<'a> {
    async fn new(app: &'a TestApp, name: &str) -> Self {
        let aor = format!("sip:{name}@example.com");
        let token = app.token(&[Read, Delete], &[&aor]).await;
        Self(Client { app, token })
    }

    /// Sends a request whose target is written as in the RFC; successes must have the entity tag of the document.
    async fn ask(&self, method: Method, target: &str, media_type: &str, body: &str) -> Answer {
        let path = format!("/xcap-root{target}");
        let mut headers = vec![("host", "xcap.example.com")];
        if !media_type.is_empty() {
            headers.push(("content-type", media_type));
        }
        let is_document = !target.contains("~~");
        let answer = self.0.send(method.clone(), &path, &headers, body).await;
        if answer.status.is_success() && !(method == DELETE && is_document) {
            let tag = answer.header("etag");
            assert!(
                tag.len() > 2 && tag.starts_with('"') && tag.ends_with('"'),
                "{target}: {tag:?}"
            );
        }
        if answer.status.is_success() && method != GET {
            assert!(answer.body.is_empty(), "{target}: {}", answer.text());
        }
        answer
    }

    /// Puts something; whether it was made, and the entity tag.
    async fn put(&self, target: &str, media_type: &str, body: &str) -> (u16, String) {
        let answer = self.ask(PUT, target, media_type, body).await;
        assert!(answer.status.is_success(), "{target}: {}", answer.text());
        (answer.status.as_u16(), answer.header("etag").to_owned())
    }

    /// The text of what must be there.
    async fn text(&self, target: &str) -> String {
        let answer = self.ask(GET, target, "", "").await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer.text()
    }
}

on_both_databases! {
    /// RFC 4825 section 13, figures 24 to 32.
    async fn bill_keeps_a_list(app: TestApp) {
        let bill = Person::new(&app, "bill").await;
        let lists = "/resource-lists/users/sip:bill@example.com/index";
        let document = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">\n  <list name=\"friends\">\n  </list>\n</resource-lists>\n";
        let (status, first) = bill.put(lists, LISTS_TYPE, document).await; // figure 24
        assert_eq!(status, 201);
        let services = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">\n\
            <service uri=\"sip:myfriends@example.com\">\n  <resource-list>http://xcap.example.com/xcap-root/resource-lists/users/\
            sip:bill@example.com/index/~~/resource-lists/list%5b@name=%22friends%22%5d\n</resource-list>\n  <packages>\n   \
            <package>presence</package>\n  </packages>\n </service>\n</rls-services>\n";
        let rls = "/rls-services/users/sip:bill@example.com/index";
        assert_eq!(bill.put(rls, SERVICES_TYPE, services).await.0, 201); // figure 25
        let bob = "<entry uri=\"sip:bob@example.com\">\n    <display-name>Bob Jones</display-name>\n  </entry>";
        let target = format!("{lists}/~~/resource-lists/list%5b@name=%22friends%22%5d/entry");
        let (status, second) = bill.put(&target, EL, bob).await; // figure 26
        assert_eq!(status, 201);
        assert_ne!(first, second);
        let fetched = bill.ask(GET, lists, "", "").await; // figures 27 and 28
        assert_eq!((fetched.status.as_u16(), fetched.header("content-type"), fetched.header("etag")), (200, LISTS_TYPE, second.as_str()));
        let expected = document.replace("\n  </list>", &format!("\n  {bob}</list>"));
        assert_eq!(fetched.text(), expected);
        let close = "<list name=\"close-friends\">\n   <entry uri=\"sip:joe@example.com\">\n     <display-name>Joe Smith</display-name>\n   </entry>\n   \
            <entry uri=\"sip:nancy@example.com\">\n     <display-name>Nancy Gross</display-name>\n   </entry>\n   \
            <entry uri=\"sip:petri@example.com\">\n     <display-name>Petri Aukia</display-name>\n   </entry>\n</list>";
        let target = format!("{lists}/~~/resource-lists/list%5b@name=%22friends%22%5d/list%5b@name=%22close-friends%22%5d");
        assert_eq!(bill.put(&target, EL, close).await.0, 201); // figure 29
        assert_eq!(bill.text(&target).await, close);
        let petri = format!("{lists}/~~/resource-lists/list/list/entry%5b@uri=%22sip:petri@example.com%22%5d");
        let deleted = bill.ask(DELETE, &petri, "", "").await; // figure 30
        assert_eq!(deleted.status, 200);
        assert_eq!(bill.ask(DELETE, &petri, "", "").await.status, 404);
        let nancy = bill.ask(GET, &format!("{lists}/~~/resource-lists/list/list/entry%5b2%5d/@uri"), "", "").await; // figures 31 and 32
        assert_eq!((nancy.status.as_u16(), nancy.header("content-type"), nancy.text().as_str()), (200, ATT, "\"sip:nancy@example.com\""));
        assert_eq!(nancy.header("etag"), deleted.header("etag"));
        let petri = "<entry uri=\"sip:petri@example.com\">\n     <display-name>Petri Aukia</display-name>\n   </entry>";
        assert_eq!(bill.text(lists).await, expected.replace("</entry></list>", &format!("</entry>{close}</list>")).replace(petri, ""));
        // The other document has not changed.
        assert_eq!(bill.text(rls).await, services);
    }

    /// RFC 4825 sections 7.4 and 7.7: two requests that fail, and what to do instead.
    async fn what_is_put_is_what_is_selected(app: TestApp) {
        let bill = Person::new(&app, "bill").await;
        let rls = "/rls-services/users/sip:bill@example.com/index";
        let service = |uri: &str| format!("<service uri=\"{uri}\">\n  <resource-list>http://xcap.example.com/xcap-root/resource-lists/users\
            /sip:bill@example.com/index/~~/resource-lists/list%5b@name=%22l1%22%5d\n</resource-list>\n  <packages>\n   \
            <package>presence</package>\n  </packages>\n</service>");
        let target = format!("{rls}/~~/rls-services/service%5b@uri=%22sip:good-friends@example.com%22%5d");
        // Without a document there is nothing to insert into (section 8.2.1).
        assert_eq!(conflict(&bill.ask(PUT, &target, EL, &service("sip:mybuddies@example.com")).await).0, "no-parent");
        let document = format!("<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\">{}</rls-services>", service("sip:good-friends@example.com"));
        let (_, tag) = bill.put(rls, SERVICES_TYPE, &document).await;
        for (target, media_type, body) in [
            (target.clone(), EL, service("sip:mybuddies@example.com")),
            (target.replace("good", "other"), EL, service("sip:mybuddies@example.com")),
            (format!("{target}/@uri"), ATT, "\"sip:bad-friends@example.com\"".to_owned()),
        ] {
            assert_eq!(conflict(&bill.ask(PUT, &target, media_type, &body).await).0, "cannot-insert", "{target}");
        }
        assert_eq!(bill.ask(GET, rls, "", "").await.header("etag"), tag);
        assert_eq!(bill.text(rls).await, document);
        // By position it can be replaced, its parent too.
        let by_position = format!("{rls}/~~/rls-services/service%5b1%5d");
        assert_eq!(bill.put(&format!("{by_position}/@uri"), ATT, "\"sip:bad-friends@example.com\"").await.0, 200);
        assert_eq!(bill.text(rls).await, document.replace("good", "bad"));
        assert_eq!(bill.put(&by_position, EL, &service("sip:mybuddies@example.com")).await.0, 200);
        assert_eq!(bill.put(&format!("{rls}/~~/rls-services"), EL, &document).await.0, 200);
        assert_eq!(bill.text(&target).await, service("sip:good-friends@example.com"));
    }

    /// RFC 4825 section 6.3 and 7.4, on figure 3.
    async fn a_watcher_is_selected_and_another_inserted(app: TestApp, "[[xcap.usages]]\nauid = 'watchers'\nnamespace = 'urn:ietf:params:xml:ns:watcherinfo'\nmime_type = 'application/watcherinfo+xml'") {
        let joe = Person::new(&app, "joe").await;
        let path = "/watchers/users/sip:joe@example.com/index";
        let a = "<watcher status=\"active\"\n             id=\"8ajksjda7s\"\n             duration-subscribed=\"509\"\n             event=\"approved\">sip:userA@example.net</watcher>";
        let b = "<watcher status=\"pending\"\n             id=\"hh8juja87s997-ass7\"\n             display-name=\"Mr. Subscriber\"\n             event=\"subscribe\">sip:userB@example.org</watcher>";
        let document = format!("<?xml version=\"1.0\"?>\n<watcherinfo xmlns=\"urn:ietf:params:xml:ns:watcherinfo\"\n             version=\"0\" state=\"full\">\n  \
            <watcher-list resource=\"sip:professor@example.net\"\n                package=\"presence\">\n    {a}\n    {b}\n  </watcher-list>\n</watcherinfo>\n");
        joe.put(path, "application/watcherinfo+xml", &document).await;
        let list = format!("{path}/~~/watcherinfo/watcher-list");
        assert_eq!(joe.text(&format!("{list}/watcher%5b@id=%228ajksjda7s%22%5d")).await, a);
        assert_eq!(joe.text(&format!("{list}/*%5b2%5d")).await, b);
        let second = format!("{list}/*%5b2%5d%5b@id=%22hhggff%22%5d");
        assert_eq!(joe.ask(GET, &second, "", "").await.status, 404);
        let c = "<watcher id=\"hhggff\" status=\"pending\" event=\"subscribe\">sip:userC@example.org</watcher>";
        assert_eq!(joe.put(&second, EL, c).await.0, 201);
        assert_eq!(joe.put(&second, EL, c).await.0, 200);
        for (target, text) in [("*%5b1%5d", a), ("*%5b2%5d", c), ("watcher%5b3%5d", b)] {
            assert_eq!(joe.text(&format!("{list}/{target}")).await, text);
        }
        // Section 7.5: by position alone only the last one is deleted, by attribute any.
        let refused = joe.ask(DELETE, &format!("{list}/*%5b2%5d"), "", "").await;
        assert_eq!(conflict(&refused).0, "cannot-delete");
        assert_eq!(joe.ask(DELETE, &second, "", "").await.status, 200);
        assert_eq!(joe.text(path).await, document);
        assert_eq!(joe.ask(DELETE, &format!("{list}/watcher%5b2%5d"), "", "").await.status, 200);
        assert_eq!(joe.text(path).await, document.replace(b, ""));
    }

    /// RFC 4825 sections 6.4 and 10: prefixes are the request's, not the document's.
    async fn selectors_have_prefixes_of_their_own(app: TestApp, "[[xcap.usages]]\nauid = 'test'\nnamespace = 'urn:test:default-namespace'\nmime_type = 'application/test+xml'") {
        let joe = Person::new(&app, "joe").await;
        let path = "/test/users/sip:joe@example.com/index";
        let document = "<?xml version=\"1.0\"?>\n<foo xmlns=\"urn:test:default-namespace\">\n  <ns1:bar xmlns:ns1=\"urn:test:namespace1-uri\"\n           \
            xmlns=\"urn:test:namespace1-uri\">\n    <baz/>\n    <ns2:baz xmlns:ns2=\"urn:test:namespace2-uri\"/>\n  </ns1:bar>\n  \
            <ns3:hi xmlns:ns3=\"urn:test:namespace3-uri\">\n    <there/>\n  </ns3:hi>\n</foo>\n";
        joe.put(path, "application/test+xml", document).await;
        let second = "<ns2:baz xmlns:ns2=\"urn:test:namespace2-uri\"/>";
        for (selector, text) in [
            ("foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace1-uri)", "<baz/>"),
            ("foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace2-uri)", second),
            ("d:foo/a:bar/b:baz?xmlns(a=urn:test:namespace1-uri)xmlns(b=urn:test:namespace2-uri)xmlns(d=urn:test:default-namespace)", second),
        ] {
            let got = joe.ask(GET, &format!("{path}/~~/{selector}"), "", "").await;
            assert_eq!((got.status.as_u16(), got.header("content-type"), got.text().as_str()), (200, EL, text), "{selector}");
        }
        let query = "xmlns(df=urn:test:default-namespace)xmlns(df2=urn:test:namespace1-uri)";
        let bindings = format!("{path}/~~/df:foo/df2:bar/df2:baz/namespace::*?{query}");
        let got = joe.ask(GET, &bindings, "", "").await;
        assert_eq!((got.status.as_u16(), got.header("content-type")), (200, "application/xcap-ns+xml"));
        assert_eq!(got.text(), "<baz xmlns=\"urn:test:namespace1-uri\" xmlns:ns1=\"urn:test:namespace1-uri\"/>");
        // Section 8.2 and 8.4: they cannot be put or deleted.
        for method in [PUT, DELETE] {
            let refused = joe.ask(method, &bindings, "application/xcap-ns+xml", &got.text()).await;
            assert_eq!(refused.status, 405);
            assert!(refused.header("allow").contains("GET"));
        }
        // Section 8: a prefix that the request does not define, and an extension that nobody knows.
        assert_eq!(joe.ask(GET, &format!("{path}/~~/foo/ns1:bar"), "", "").await.status, 400);
        assert_eq!(joe.ask(GET, &format!("{path}/~~/foo/text()"), "", "").await.status, 404);
    }

    /// RFC 4825 section 8.2.3: where elements go, by the answers alone.
    async fn what_was_inserted_is_got(app: TestApp, "[[xcap.usages]]\nauid = 'root'\nnamespace = 'urn:example:root'\nmime_type = 'application/root+xml'") {
        let joe = Person::new(&app, "joe").await;
        let path = "/root/users/sip:joe@example.com/index";
        let document = "<?xml version=\"1.0\"?>\n<root xmlns=\"urn:example:root\">\n <el1 att=\"first\"/>\n <el1 att=\"second\"/>\n <!-- comment -->\n <el2 att=\"first\"/>\n</root>";
        let (third, two) = ("<el1 att=\"third\"/>", "<el2 att=\"2\"/>");
        for (selector, body, before) in [
            ("el1%5b@att=%22third%22%5d", third, "\n <!--"), ("el1%5b3%5d%5b@att=%22third%22%5d", third, "\n <!--"),
            ("*%5b3%5d%5b@att=%22third%22%5d", third, "\n <!--"), ("el3", "<el3 att=\"first\"/>", "</root>"),
            ("el2%5b@att=%222%22%5d", two, "\n</root>"), ("el2%5b2%5d%5b@att=%222%22%5d", two, "\n</root>"),
            ("*%5b2%5d%5b@att=%222%22%5d", two, "\n <el1 att=\"second\"/>"), ("el2%5b1%5d%5b@att=%222%22%5d", two, "<el2 att=\"first\"/>"),
        ] {
            joe.put(path, "application/root+xml", document).await;
            let target = format!("{path}/~~/root/{selector}");
            let (status, tag) = joe.put(&target, EL, body).await;
            assert_eq!(status, 201, "{selector}");
            let got = joe.ask(GET, &target, "", "").await;
            assert_eq!((got.text().as_str(), got.header("etag"), got.header("content-type")), (body, tag.as_str(), EL), "{selector}");
            assert_eq!(joe.text(path).await, document.replace(before, &format!("{body}{before}")), "{selector}");
        }
        // Section 8.2.2: what is no single element, and positions that there are not.
        for (selector, body, condition) in [
            ("el3", "<el3/><el3/>", "not-xml-frag"), ("el3", "<el3>", "not-xml-frag"), ("el1%5b9%5d%5b@att=%22x%22%5d", "<el1 att=\"x\"/>", "cannot-insert"),
            ("el3%5b2%5d", "<el3/>", "cannot-insert"), ("el3/el4", "<el4/>", "no-parent"), ("el1/el4", "<el4/>", "no-parent"),
        ] {
            joe.put(path, "application/root+xml", document).await;
            let refused = joe.ask(PUT, &format!("{path}/~~/root/{selector}"), EL, body).await;
            assert_eq!(conflict(&refused).0, condition, "{selector} {body}");
        }
        assert_eq!(joe.ask(Method::POST, path, "application/root+xml", document).await.status, 405); // section 8.1
        assert_eq!(joe.text(path).await, document);
    }

    /// RFC 4825 section 7.11: a client that keeps a copy.
    async fn a_copy_is_kept_by_its_entity_tag(app: TestApp) {
        let bill = Person::new(&app, "bill").await;
        let lists = "/resource-lists/users/sip:bill@example.com/index";
        let document = "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"friends\"/></resource-lists>";
        let (_, tag) = bill.put(lists, LISTS_TYPE, document).await;
        let ask = async |method: Method, target: &str, name: &str, tag: &str, body: &str| {
            let headers = [("host", "xcap.example.com"), ("content-type", EL), (name, tag)];
            bill.0.send(method, &format!("/xcap-root{target}"), &headers, body).await
        };
        let entry = |name: &str| format!("{lists}/~~/resource-lists/list/entry%5b@uri=%22sip:{name}@example.com%22%5d");
        let unchanged = ask(GET, lists, "if-none-match", &tag, "").await;
        assert_eq!((unchanged.status.as_u16(), unchanged.header("etag"), unchanged.body.len()), (304, tag.as_str(), 0));
        // The tag that comes back goes into the next change, whatever of the document it is of.
        let put = ask(PUT, &entry("bob"), "if-match", &tag, "<entry uri=\"sip:bob@example.com\"/>").await;
        assert_eq!(put.status, 201);
        let next = ask(PUT, &entry("joe"), "if-match", put.header("etag"), "<entry uri=\"sip:joe@example.com\"/>").await;
        assert_eq!(next.status, 201);
        let gone = ask(DELETE, &entry("bob"), "if-match", next.header("etag"), "").await;
        assert_eq!(gone.status, 200);
        assert_eq!(ask(GET, lists, "if-none-match", gone.header("etag"), "").await.status, 304);
        // Another client has been there.
        for (method, target) in [(PUT, entry("eve")), (DELETE, entry("joe"))] {
            assert_eq!(ask(method, &target, "if-match", next.header("etag"), "<entry uri=\"sip:eve@example.com\"/>").await.status, 412);
        }
        let fresh = ask(GET, lists, "if-none-match", next.header("etag"), "").await;
        assert_eq!((fresh.status.as_u16(), fresh.header("etag")), (200, gone.header("etag")));
        assert_eq!(fresh.text(), document.replace("/></res", "><entry uri=\"sip:joe@example.com\"/></list></res"));
        // Section 8.2.6: what an element has is its document's, so this always fails.
        assert_eq!(ask(PUT, &entry("eve"), "if-none-match", "*", "<entry uri=\"sip:eve@example.com\"/>").await.status, 412);
    }

    /// RFC 4825 section 11.1 and RFC 4826 section 4.4.5: an address that somebody else's service has.
    async fn an_address_that_is_taken(app: TestApp) {
        let (joe, bob) = (Person::new(&app, "joe").await, Person::new(&app, "bob").await);
        let services = "<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"><service uri=\"sip:friends@example.com\"><list/>\
            <packages><package>presence</package></packages></service></rls-services>";
        joe.put("/rls-services/users/sip:joe@example.com/index", SERVICES_TYPE, services).await;
        let refused = bob.ask(PUT, "/rls-services/users/sip:bob@example.com/index", SERVICES_TYPE, services).await;
        assert_eq!(conflict(&refused).0, "uniqueness-failure");
        let text = refused.text();
        let report = roxmltree::Document::parse(&text).unwrap();
        let exists: Vec<_> = report.descendants().filter(|node| node.tag_name().name() == "exists").collect();
        assert_eq!(exists.len(), 1, "{text}");
        // The field selects it in the document that was put, and what is suggested can be had.
        assert!(exists[0].attribute("field").unwrap().starts_with("rls-services/service"), "{text}");
        assert!(exists[0].attribute("field").unwrap().ends_with("/@uri"), "{text}");
        let free = exists[0].descendants().find(|node| node.tag_name().name() == "alt-value").unwrap().text().unwrap();
        let body = services.replace("sip:friends@example.com", free);
        assert_eq!(bob.put("/rls-services/users/sip:bob@example.com/index", SERVICES_TYPE, &body).await.0, 201);
    }

    /// RFC 4826 sections 3.3 and 4.3, without the line ends that are there for display.
    async fn the_documents_of_rfc_4826(app: TestApp) {
        let bill = Person::new(&app, "bill").await;
        let lists = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"\n \
            xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n <list name=\"friends\">\n  <entry uri=\"sip:bill@example.com\">\n   \
            <display-name>Bill Doe</display-name>\n  </entry>\n  <entry-ref ref=\"resource-lists/users/sip:bill@example.com/index/~~/\
            resource-lists/list%5b@name=%22list1%22%5d/entry%5b@uri=%22sip:petri@example.com%22%5d\"/>\n  <list name=\"close-friends\">\n   \
            <display-name>Close Friends</display-name>\n   <entry uri=\"sip:joe@example.com\">\n    <display-name>Joe Smith</display-name>\n   \
            </entry>\n   <entry uri=\"sip:nancy@example.com\">\n    <display-name>Nancy Gross</display-name>\n   </entry>\n   \
            <external anchor=\"http://xcap.example.org/resource-lists/users/sip:a@example.org/index/~~/resource-lists/\
            list%5b@name=%22mkting%22%5d\">\n     <display-name>Marketing</display-name>\n    </external>\n  </list>\n </list>\n</resource-lists>\n";
        let path = "/resource-lists/users/sip:bill@example.com/friends.xml";
        assert_eq!(bill.put(path, LISTS_TYPE, lists).await.0, 201);
        assert_eq!(bill.text(path).await, lists);
        // Section 3.1: the reference is relative to the root, and leads to the entry once there is one.
        let entry_ref = bill.text(&format!("{path}/~~/resource-lists/list/entry-ref/@ref")).await;
        let referred = format!("/{}", entry_ref.trim_matches('"'));
        assert_eq!(bill.ask(GET, &referred, "", "").await.status, 404);
        let petri = "<entry uri=\"sip:petri@example.com\"/>";
        let other = format!("<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\"><list name=\"list1\">{petri}</list></resource-lists>");
        bill.put("/resource-lists/users/sip:bill@example.com/index", LISTS_TYPE, &other).await;
        assert_eq!(bill.text(&referred).await, petri);
        // Section 3.4.5: not twice in one list.
        let again = format!("{path}/~~/resource-lists/list/entry%5b2%5d");
        let refused = bill.ask(PUT, &again, EL, "<entry uri=\"sip:bill@example.com\"/>").await;
        assert_eq!(conflict(&refused).0, "uniqueness-failure");

        let joe = Person::new(&app, "joe").await;
        let services = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rls-services xmlns=\"urn:ietf:params:xml:ns:rls-services\"\n   \
            xmlns:rl=\"urn:ietf:params:xml:ns:resource-lists\"\n   xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n \
            <service uri=\"sip:mybuddies@example.com\">\n  <resource-list>http://xcap.example.com/xcap-root/resource-lists/users/\
            sip:joe@example.com/index/~~/resource-lists/list%5b@name=%22l1%22%5d</resource-list>\n  <packages>\n   <package>presence</package>\n  \
            </packages>\n </service>\n <service uri=\"sip:marketing@example.com\">\n   <list name=\"marketing\">\n     <rl:entry uri=\"sip:joe@example.com\"/>\n     \
            <rl:entry uri=\"sip:sudhir@example.com\"/>\n   </list>\n   <packages>\n     <package>presence</package>\n   </packages>\n </service>\n</rls-services>\n";
        let path = "/rls-services/users/sip:joe@example.com/index";
        assert_eq!(joe.put(path, SERVICES_TYPE, services).await.0, 201);
        assert_eq!(joe.text(path).await, services);
        // RFC 5874 section 5, whose selectors have apostrophes and a wildcard at the root.
        let marketing = format!("{path}/~~/*/service%5b@uri='sip:marketing@example.com'%5d");
        assert!(joe.text(&marketing).await.starts_with("<service uri=\"sip:marketing@example.com\">\n   <list name="));
        assert_eq!(joe.text(&format!("{marketing}/list/r:entry%5b2%5d/@uri?xmlns(r=urn:ietf:params:xml:ns:resource-lists)")).await, "\"sip:sudhir@example.com\"");
        // A list of somebody else's (section 4.4.5).
        let refused = joe.ask(PUT, path, SERVICES_TYPE, &services.replace("users/sip:joe", "users/sip:eve")).await;
        assert_eq!(conflict(&refused).0, "constraint-failure");
        // Section 4.4.6: the document of all users is the server's.
        let operator = Person(Client { app: &app, token: app.token(&[Operator], &[]).await });
        assert_eq!(operator.ask(PUT, "/rls-services/global/index", SERVICES_TYPE, services).await.status, 409);
    }

    /// RFC 5874 appendix A: the changes that its documents tell of. A declared usage has a namespace, theirs has none.
    async fn the_changes_of_rfc_5874(app: TestApp, "[[xcap.usages]]\nauid = 'tests'\nnamespace = 'urn:example:tests'\nmime_type = 'application/xml'") {
        let (joe, john) = (Person::new(&app, "joe").await, Person::new(&app, "john").await);
        let index = "/tests/users/sip:joe@example.com/index";
        let sample = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<doc xmlns=\"urn:example:tests\" id=\"bar\">\n  <note>This is a sample document</note>\n</doc>";
        let another = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<doc xmlns=\"urn:example:tests\">\n  <note>This is another sample document</note>\n</doc>";
        let first = joe.put(index, "application/xml", sample).await.1;
        assert_eq!(john.put("/tests/users/sip:john@example.com/index", "application/xml", another).await.0, 201);
        // A.1: made, changed, removed.
        let path = "/tests/users/sip:joe@example.com/another_document";
        let made = joe.put(path, "application/xml", another).await;
        let changed = joe.put(path, "application/xml", &another.replace("another sample", "a modified")).await;
        assert_eq!((made.0, changed.0), (201, 200));
        assert_ne!(made.1, changed.1);
        let removed = joe.ask(DELETE, path, "", "").await;
        assert_eq!((removed.status.as_u16(), removed.header("etag")), (200, ""));
        assert_eq!(joe.ask(GET, path, "", "").await.status, 404);
        // A.2: three elements, each with a tag of its own for the document.
        let mut tags = HashSet::from([first]);
        let added = [("foo", "<foo>this is a new element</foo>"), ("bar", "<bar>this is a bar element\n   </bar>"), ("foobar", "<foobar>this is a foobar element</foobar>")];
        for (name, body) in added {
            let (status, tag) = joe.put(&format!("{index}/~~/doc/{name}"), EL, body).await;
            assert_eq!(status, 201);
            tags.insert(tag);
        }
        assert_eq!(tags.len(), 4);
        let all: String = added.iter().map(|(_, body)| *body).collect();
        assert_eq!(joe.text(index).await, sample.replace("</doc>", &format!("{all}</doc>")));
        // A.3: an attribute and an element, and the attribute goes.
        let id = format!("{index}/~~/doc/@id");
        assert_eq!(joe.text(&id).await, "\"bar\"");
        assert_eq!(joe.text(&format!("{index}/~~/*/foo")).await, added[0].1);
        assert_eq!(joe.ask(DELETE, &id, "", "").await.status, 200);
        assert_eq!(joe.ask(GET, &id, "", "").await.status, 404);
        assert_eq!(joe.text(index).await, sample.replace(" id=\"bar\"", "").replace("</doc>", &format!("{all}</doc>")));
        // Others have no business here.
        assert_eq!(john.ask(GET, index, "", "").await.status, 404);
    }
}
