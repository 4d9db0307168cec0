//! Who may at the XCAP root: Digest, Basic, bearer tokens, and what aggregation proxies assert.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::TimeDelta;
use reqwest::Method;
use restante::domain::access::Role;
use restante::domain::access::TokenScope::{Delete, Gateway, Operator, Read};
use restante::identity::{DigestName, NewSecret};
use serde_json::json;
use tokio::process::Command;

use crate::on_both_databases;
use crate::support::digest::{authorization, counted};
use crate::support::message::Pager;
use crate::support::{Answer, PASSWORD, REASON, TestApp};

const ALICE: &str = "sip:alice@example.org";
const DOCUMENT: &str =
    "/xcap-root/org.openmobilealliance.deferred-list/users/sip:alice@example.org/deferred-list";
const REALM: &str = "mail.example.org";

/// The secret of a token for Digest with no name but those of its addresses.
async fn login(app: &TestApp, aors: &[&str]) -> String {
    let aors: Vec<_> = aors.iter().map(|aor| aor.parse().unwrap()).collect();
    let digest = DigestName {
        username: None,
        realm: REALM,
    };
    let made = app
        .identity
        .create_digest_token("phone", &[Read, Delete], &aors, None, digest);
    made.await.unwrap()
}

async fn get(app: &TestApp, path: &str, fields: &[(&str, &str)]) -> Answer {
    let mut request = app.request(Method::GET, path);
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    app.send(request).await
}

/// The challenges of a 401.
#[track_caller]
fn challenges(answer: &Answer) -> Vec<String> {
    answer.assert_problem(401, "unauthenticated");
    let values = answer.headers.get_all("www-authenticate").iter();
    values
        .map(|value| value.to_str().unwrap().to_owned())
        .collect()
}

async fn challenged(app: &TestApp) -> Vec<String> {
    challenges(&get(app, DOCUMENT, &[]).await)
}

async fn authorized(app: &TestApp, path: &str, authorization: &str) -> Answer {
    get(app, path, &[("authorization", authorization)]).await
}

const PYTHON: &str = "
import sys, requests
from requests.auth import HTTPDigestAuth
url, name, secret = sys.argv[1:]
session = requests.Session()
session.auth = HTTPDigestAuth(name, secret)
print(*(session.request(method, url).status_code for method in ('GET', 'HEAD', 'GET')))
";

/// What a client writes on standard output.
async fn printed(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr)
}

fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

on_both_databases! {
    async fn strangers_are_challenged_before_they_learn_what_exists(app: TestApp) {
        let missing = "/xcap-root/unknown/users/nobody/x";
        for path in [DOCUMENT, missing] {
            let offered = challenges(&get(&app, path, &[]).await);
            // Old clients read the first only.
            assert!(offered[0].starts_with("Digest ") && offered[0].contains("algorithm=MD5"), "{offered:?}");
            assert!(offered[1].starts_with("Digest ") && offered[1].contains("algorithm=SHA-256"), "{offered:?}");
            assert!(offered[..2].iter().all(|it| it.contains("realm=\"mail.example.org\"") && it.contains("qop=\"auth\"")));
            assert_eq!(offered[2], "Bearer realm=\"mail.example.org\"");
            assert_eq!(offered.len(), 3, "{offered:?}");
        }
        assert_ne!(challenged(&app).await[0], challenged(&app).await[0], "a nonce is good for one client");
        let known = get(&app, missing, &[("authorization", &format!("Bearer {}", app.operator))]).await;
        known.assert_problem(404, "not-found");
        challenges(&authorized(&app, DOCUMENT, "Bearer rst_guess").await);
        for nonsense in ["Digest", "Digest nonsense", "Basic", "Negotiate x", "Digest username=\"alice\", realm=\"mail.example.org\""] {
            challenges(&authorized(&app, DOCUMENT, nonsense).await);
        }
    }

    async fn every_spelling_of_the_user_name_is_known(app: TestApp) {
        let secret = login(&app, &[ALICE, "tel:+1-201-555-0123"]).await;
        let names = [
            "alice", "alice@example.org", ALICE, "tel:+12015550123", "+12015550123", "12015550123",
        ];
        for name in names {
            for (n, method) in [(0, "GET"), (1, "HEAD")] {
                let offered = challenged(&app).await;
                let proof = authorization(&offered[n], name, &secret, method, DOCUMENT);
                let request = app.request(method.parse().unwrap(), DOCUMENT).header("authorization", proof);
                assert_eq!(app.send(request).await.status, 200, "{name} {method}");
            }
        }
        let offered = challenged(&app).await;
        for (name, password) in [("alice", "guess"), ("alice@example.net", &*secret), ("Alice", &*secret), ("", &*secret), ("nobody", "")] {
            let refused = authorized(&app, DOCUMENT, &authorization(&offered[0], name, password, "GET", DOCUMENT)).await;
            assert!(challenges(&refused)[0].contains("MD5"));
            assert_eq!(refused.json()["detail"], "the name or the password is wrong", "{name}");
        }
        // The method is signed too.
        let proof = authorization(&offered[0], "alice", &secret, "PUT", DOCUMENT);
        challenges(&authorized(&app, DOCUMENT, &proof).await);
    }

    async fn one_name_may_have_several_tokens_and_users(app: TestApp) {
        let phone = login(&app, &[ALICE]).await;
        let tablet = login(&app, &[ALICE]).await;
        let other = login(&app, &["sip:alice@example.net"]).await;
        let status = async |secret: &str| {
            let offered = challenged(&app).await;
            authorized(&app, DOCUMENT, &authorization(&offered[1], "alice", secret, "GET", DOCUMENT)).await.status
        };
        assert_eq!([status(&phone).await, status(&tablet).await], [200, 200]);
        assert_eq!(status(&other).await, 404, "the other Alice has no such document");
        let tokens = app.identity.tokens().await.unwrap();
        let first = tokens.iter().find(|token| token.name == "phone").unwrap().id;
        assert!(app.identity.revoke_token(first).await.unwrap());
        assert_eq!([status(&phone).await, status(&tablet).await], [401, 200]);
        let shared = login(&app, &[ALICE, "sip:bob@example.org"]).await;
        // Erasing the account takes what its owner signs in with.
        assert_eq!(app.delete(&format!("/api/v1/accounts/{ALICE}")).await.status, 200);
        assert_eq!([status(&tablet).await, status(&other).await, status(&shared).await], [401, 404, 401]);
        let offered = challenged(&app).await;
        let proof = authorization(&offered[1], "bob", &shared, "GET", DOCUMENT);
        assert_eq!(authorized(&app, DOCUMENT, &proof).await.status, 404, "who else it is for");
    }

    async fn a_name_of_its_own_is_taken_beside_those_of_the_address(app: TestApp) {
        let aors = [ALICE.parse().unwrap()];
        let make = async |username, scopes: &[_], aors: &[_]| {
            let digest = DigestName { username, realm: REALM };
            app.identity.create_digest_token("t", scopes, aors, None, digest).await
        };
        let secret = make(Some("desk phone"), &[Read], &aors).await.unwrap();
        for name in ["desk phone", "alice"] {
            let offered = challenged(&app).await;
            let proof = authorization(&offered[0], name, &secret, "GET", DOCUMENT);
            assert_eq!(authorized(&app, DOCUMENT, &proof).await.status, 200, "{name}");
        }
        // A token that nobody could sign in with is not made.
        assert!(make(None, &[Read], &[]).await.is_err());
        assert!(make(None, &[Gateway], &aors).await.is_err());
        assert!(make(Some("ops"), &[Operator], &[]).await.is_err());
    }

    async fn a_nonce_is_good_for_a_while_and_each_count_once(app: TestApp) {
        let secret = login(&app, &[ALICE]).await;
        let offered = challenged(&app).await;
        let proof = |count| counted(&offered[0], "alice", &secret, "GET", DOCUMENT, count);
        for count in [1, 3, 2] {
            assert_eq!(authorized(&app, DOCUMENT, &proof(count)).await.status, 200, "{count}");
        }
        // Whoever has overheard it has no use for it; a client that counts wrongly gets another nonce.
        for count in [1, 2, 3] {
            let fresh = challenges(&authorized(&app, DOCUMENT, &proof(count)).await);
            assert!(fresh[0].contains("stale=true") && fresh[1].contains("stale=true"), "{fresh:?}");
            let proof = authorization(&fresh[0], "alice", &secret, "GET", DOCUMENT);
            assert_eq!(authorized(&app, DOCUMENT, &proof).await.status, 200);
        }
        app.clock.advance(TimeDelta::minutes(5) + TimeDelta::seconds(1));
        let stale = challenges(&authorized(&app, DOCUMENT, &proof(4)).await);
        assert!(stale[0].contains("stale=true"), "{stale:?}");
        let proof = authorization(&stale[1], "alice", &secret, "GET", DOCUMENT);
        assert_eq!(authorized(&app, DOCUMENT, &proof).await.status, 200);
        // One that was not made here is not stale: nobody has proved a password with it.
        let forged = proof.replacen("nonce=\"", "nonce=\"A", 1);
        assert!(!challenges(&authorized(&app, DOCUMENT, &forged).await)[0].contains("stale"));
    }

    async fn the_signed_uri_is_what_is_asked_for(app: TestApp) {
        let secret = login(&app, &[ALICE]).await;
        let sign = async |path: &str, uri: &str| {
            let offered = challenged(&app).await;
            authorized(&app, path, &authorization(&offered[0], "alice", &secret, "GET", uri)).await
        };
        let below = DOCUMENT.strip_prefix("/xcap-root").unwrap();
        for uri in [
            &DOCUMENT.replace("sip:alice@", "sip%3aalice%40"),
            &format!("http://xcap.example.org{DOCUMENT}"),
            // A proxy has another root.
            &format!("/services{below}"),
        ] {
            assert_eq!(sign(DOCUMENT, uri).await.status, 200, "{uri}");
        }
        for uri in ["/", "/xcap-root/x", &format!("{DOCUMENT}?x"), &format!("{DOCUMENT}x"), &format!("/xcap-root/x{below}")] {
            sign(DOCUMENT, uri).await.assert_problem(400, "invalid-request");
        }
        // Real clients put the quotes of a node selector there as they are, and encode them on the wire.
        let node = format!("{DOCUMENT}/~~/history-list/history[@history-reference=\"x\"]");
        let answer = sign(&node.replace('"', "%22"), &node).await;
        answer.assert_problem(404, "not-found");
        challenges(&authorized(&app, &node, "Digest uri=\"x\"y\"").await);
    }

    async fn curl_signs_in(app: TestApp) {
        let secret = login(&app, &[ALICE]).await;
        let url = format!("{}{DOCUMENT}", app.url);
        // The second request counts on, with the nonce of the first.
        let curl = async |user: String| {
            let (code, urls) = ("\n%{http_code}\n", [&url, &url]);
            printed(Command::new("curl").args(["--silent", "--digest", "--write-out", code, "--user", &user]).args(urls)).await
        };
        for name in ["alice", "alice@example.org"] {
            let output = curl(format!("{name}:{secret}")).await;
            assert_eq!(output.matches("\n200\n").count(), 2, "{output}");
        }
        assert!(curl("alice:guess".to_owned()).await.ends_with("\n401\n"));
    }

    /// It takes all challenges for one.
    async fn python_requests_signs_in(app: TestApp) {
        let secret = login(&app, &[ALICE]).await;
        let url = format!("{}{DOCUMENT}", app.url);
        let python = async |name: &str, secret: &str| {
            printed(Command::new("python3").args(["-c", PYTHON, &url, name, secret])).await
        };
        for name in ["alice", ALICE] {
            assert_eq!(python(name, &secret).await, "200 200 200\n", "{name}");
        }
        assert_eq!(python("alice", "guess").await, "401 401 401\n");
    }

    async fn basic_is_taken_over_tls_only(app: TestApp) {
        app.add_user("alice", Role::User, &[ALICE]).await;
        let token = app.token(&[Read], &[ALICE]).await;
        let tls = ("x-forwarded-proto", "https");
        for password in [PASSWORD, &token] {
            let proof = basic("alice", password);
            let plain = authorized(&app, DOCUMENT, &proof).await;
            assert!(!challenges(&plain).iter().any(|it| it.starts_with("Basic")));
            let plain = get(&app, DOCUMENT, &[("authorization", &proof), ("x-forwarded-proto", "http")]).await;
            challenges(&plain);
            let added = get(&app, DOCUMENT, &[("authorization", &proof), tls, ("x-forwarded-proto", "http")]).await;
            challenges(&added);
            for _ in 0..20 {
                assert_eq!(get(&app, DOCUMENT, &[("authorization", &proof), tls]).await.status, 200);
            }
        }
        let offered = challenges(&get(&app, DOCUMENT, &[tls]).await);
        assert!(offered[0].starts_with("Digest") && offered[2].starts_with("Basic realm=\"mail.example.org\""), "{offered:?}");
        // A new password ends the old one at once.
        app.identity.set_password("alice", "another password").await.unwrap();
        let old = basic("alice", PASSWORD);
        challenges(&get(&app, DOCUMENT, &[("authorization", &old), tls]).await);
        for nonsense in ["Basic", "Basic !", "Basic YWxpY2U=", "Basic /w=="] {
            challenges(&get(&app, DOCUMENT, &[("authorization", nonsense), tls]).await);
        }
    }

    async fn people_with_a_second_factor_use_a_token(app: TestApp) {
        app.add_user("alice", Role::User, &[ALICE]).await;
        let tls = ("x-forwarded-proto", "https");
        let by_password = basic("alice", PASSWORD);
        assert_eq!(get(&app, DOCUMENT, &[("authorization", &by_password), tls]).await.status, 200);
        let person = app.identity.person("alice").await.unwrap().unwrap();
        let secret = NewSecret::random(&person).unwrap().text;
        let shared = totp_rs::Secret::try_from_base32(&secret).unwrap();
        let now = app.clock.now().timestamp().try_into().unwrap();
        let code = totp_rs::Builder::new().with_secret(shared).build().unwrap().generate(now).to_string();
        app.identity.add_second_factor(&person, &secret, &code).await.unwrap();
        // Also where the password is remembered.
        for _ in 0..2 {
            let refused = get(&app, DOCUMENT, &[("authorization", &by_password), tls]).await;
            challenges(&refused);
            assert!(refused.text().contains("use a token"), "{}", refused.text());
        }
        let aors = [ALICE.parse().unwrap()];
        let token = app.identity.create_own_token(&person, "phone", &[Read], &aors, TimeDelta::days(1), REALM);
        let token = token.await.unwrap().text;
        let by_token = basic("alice", &token);
        assert_eq!(get(&app, DOCUMENT, &[("authorization", &by_token), tls]).await.status, 200);
    }

    async fn guessing_is_slowed_down(app: TestApp) {
        app.add_user("alice", Role::User, &[ALICE]).await;
        let secret = login(&app, &[ALICE]).await;
        let tls = ("x-forwarded-proto", "https");
        let guess = async |name: &str, by_digest: bool| {
            let offered = challenged(&app).await;
            let proof = if by_digest { authorization(&offered[0], name, "guess", "GET", DOCUMENT) } else { basic(name, "guess") };
            get(&app, DOCUMENT, &[("authorization", &proof), tls]).await
        };
        // The same for those that exist and those that do not.
        for name in ["alice", "nobody"] {
            for n in 0..10 {
                assert_eq!(guess(name, n % 2 == 0).await.status, 401, "{name} {n}");
            }
            for by_digest in [true, false] {
                let slowed = guess(name, by_digest).await;
                slowed.assert_problem(429, "too-many-attempts");
                let wait: u32 = slowed.header("retry-after").parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
            }
        }
        // Whoever has the secret is not in the way of those who guess.
        let offered = challenged(&app).await;
        let proof = authorization(&offered[0], "alice", &secret, "GET", DOCUMENT);
        assert_eq!(authorized(&app, DOCUMENT, &proof).await.status, 200);
    }

    async fn proxies_that_are_not_trusted_assert_nothing(app: TestApp, "[xcap]\ntrusted_proxies = ['192.0.2.0/24']\n[http]\ntrusted_proxies = []") {
        login(&app, &[ALICE]).await;
        for field in ["x-3gpp-asserted-identity", "x-xcap-asserted-identity", "x-3gpp-intended-identity"] {
            challenges(&get(&app, DOCUMENT, &[(field, "\"sip:alice@example.org\"")]).await);
            let bearer = format!("Bearer {}", app.operator);
            let answer = get(&app, DOCUMENT, &[(field, "\"sip:bob@example.org\""), ("authorization", &bearer), REASON]).await;
            assert_eq!(answer.status, 200, "as if it were absent");
        }
        app.add_user("alice", Role::User, &[ALICE]).await;
        let proof = basic("alice", PASSWORD);
        let offered = challenges(&get(&app, DOCUMENT, &[("authorization", &proof), ("x-forwarded-proto", "https")]).await);
        assert!(!offered.iter().any(|it| it.starts_with("Basic")), "{offered:?}");
    }

    async fn trusted_proxies_assert_the_user(app: TestApp, "[xcap]\ntrusted_proxies = ['127.0.0.1']") {
        login(&app, &[ALICE]).await;
        for value in ["\"sip:alice@example.org\"", "sip:alice@example.org", "\"tel:+1555\", \"sip:alice@example.org\"", "alice@example.org"] {
            for field in ["X-3GPP-Asserted-Identity", "X-XCAP-Asserted-Identity"] {
                let fields = [(field, value), ("X-3GPP-Intended-Identity", "\"sip:bob@example.org\"")];
                assert_eq!(get(&app, DOCUMENT, &fields).await.status, 200, "{field}: {value}");
            }
        }
        let field = "X-3GPP-Asserted-Identity";
        let bob = "\"sip:bob@example.org\"";
        get(&app, DOCUMENT, &[(field, bob)]).await.assert_problem(404, "not-found");
        for garbage in ["", "\"\"", "garbage", "\"sip:alice@example.org"] {
            challenges(&get(&app, DOCUMENT, &[(field, garbage)]).await);
        }
        // What a client smuggles past its proxy gains nothing.
        let alice = "\"sip:alice@example.org\"";
        challenges(&get(&app, DOCUMENT, &[(field, bob), (field, alice)]).await);
        challenges(&get(&app, DOCUMENT, &[(field, bob), ("X-XCAP-Asserted-Identity", alice)]).await);
        // The word of the proxy counts before what its client sends for the proxy.
        let digest = "Digest username=\"x\", realm=\"proxy\", nonce=\"n\", uri=\"/\", response=\"r\", qop=auth, nc=1, cnonce=\"c\"";
        assert_eq!(get(&app, DOCUMENT, &[(field, alice), ("authorization", digest)]).await.status, 200);
        // Without its word the client proves itself.
        challenges(&get(&app, DOCUMENT, &[]).await);
        // The owner deletes, and the audit says that it was the owner.
        let id = app.store(Pager::new()).await;
        let one = format!("{DOCUMENT}/~~/history-list/history%5B@history-reference=%22sip:{id}@mail.example.org%22%5D");
        assert_eq!(app.send(app.request(Method::DELETE, &one).header(field, bob)).await.status, 404);
        assert_eq!(app.send(app.request(Method::DELETE, &one).header(field, alice)).await.status, 200);
        assert_eq!(app.waiting(ALICE).await, 0);
        let entry = &app.get("/api/v1/audit?action=messages.removed").await.json()["items"][0];
        assert_eq!((&entry["actor"], &entry["actor_id"], &entry["account"]), (&json!("owner"), &entry["account_id"], &json!(ALICE)));
    }
}
