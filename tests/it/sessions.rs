//! People in a browser, as far as no browser is needed: signing in, the cookie, forged requests,
//! pages and what they must not do.

use reqwest::Method;
use restante::domain::access::Role;

use crate::on_both_databases;
use crate::support::browser::{cookie, csrf, page, post, sign_in};
use crate::support::message::Pager;
use crate::support::{PASSWORD, TestApp};

const ALICE: &str = "/accounts/sip%3Aalice%40example.org";

on_both_databases! {
    async fn only_the_right_password_signs_in(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        for (name, password) in [("alice", "wrong password"), ("nobody", PASSWORD), ("", ""), ("alice", "")] {
            let refused = post(&app, "/sign-in", "", &[("name", name), ("password", password)]).await;
            assert_eq!(refused.status, 401);
            assert!(refused.text().contains("do not go together"));
            assert_eq!(refused.header("set-cookie"), "");
        }
        let answer = post(&app, "/sign-in", "", &[("name", "alice"), ("password", PASSWORD), ("next", ALICE)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, ALICE));
        let set = answer.header("set-cookie");
        assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
        assert_eq!(page(&app, ALICE, &cookie(&answer)).await.status, 200);
        let elsewhere = [("name", "alice"), ("password", PASSWORD), ("next", "//evil.example")];
        assert_eq!(post(&app, "/sign-in", "", &elsewhere).await.header("location"), "/");
    }

    async fn guessing_is_slowed_down(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let mut refused = None;
        for _ in 0..12 {
            let answer = post(&app, "/sign-in", "", &[("name", "alice"), ("password", "guess")]).await;
            if answer.status == 429 {
                refused = Some(answer);
                break;
            }
        }
        let refused = refused.expect("guessing must end");
        let wait: u32 = refused.header("retry-after").parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        // Even the right password has to wait now; another name does not.
        assert_eq!(post(&app, "/sign-in", "", &[("name", "ALICE"), ("password", PASSWORD)]).await.status, 429);
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        sign_in(&app, "bob").await;
    }

    async fn signing_in_ends_the_session_before_and_signing_out_ends_it(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let first = sign_in(&app, "alice").await;
        let again = post(&app, "/sign-in", &first, &[("name", "alice"), ("password", PASSWORD)]).await;
        let second = cookie(&again);
        assert_ne!(first, second);
        assert_eq!(page(&app, ALICE, &first).await.status, 303);
        let token = csrf(&page(&app, ALICE, &second).await);
        assert_eq!(post(&app, "/sign-out", &second, &[("csrf", "wrong")]).await.status, 403);
        assert_eq!(post(&app, "/sign-out", &second, &[("csrf", &token)]).await.status, 303);
        assert_eq!(page(&app, ALICE, &second).await.status, 303);
    }

    async fn a_session_ends_by_itself(app: TestApp, "[http]\nsession_idle_timeout = '12h'\n") {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let session = sign_in(&app, "alice").await;
        app.clock.advance(chrono::TimeDelta::hours(11));
        assert_eq!(page(&app, ALICE, &session).await.status, 200);
        app.clock.advance(chrono::TimeDelta::hours(2));
        assert_eq!(page(&app, ALICE, &session).await.status, 303);
    }

    async fn a_user_sees_the_own_account_only(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        app.add_user("otto", Role::Operator, &[]).await;
        let bob = app.store(Pager::new().to("sip:bob@example.org")).await;
        let alice = sign_in(&app, "alice").await;
        assert_eq!(page(&app, "/", &alice).await.header("location"), ALICE);
        for path in ["/accounts/sip%3Abob%40example.org", &format!("/accounts/sip%3Abob%40example.org/messages/{bob}"),
            "/accounts/sip%3Abob%40example.org/metadata", "/accounts/sip%3Anobody%40example.org"] {
            let answer = page(&app, path, &alice).await;
            assert_eq!(answer.status, 404, "{path}");
            assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        }
        let list = page(&app, "/accounts", &alice).await.text();
        assert!(list.contains("sip:alice@example.org") && !list.contains("sip:bob@example.org"));
        let operator = sign_in(&app, "otto").await;
        assert!(page(&app, "/accounts", &operator).await.text().contains("sip:bob@example.org"));
        // The session opens the API as well, with the same limits.
        assert_eq!(page(&app, "/api/v1/accounts/me", &alice).await.json()["aor"], "sip:alice@example.org");
        page(&app, "/api/v1/accounts/sip:bob@example.org", &alice).await.assert_problem(404, "not-found");
    }

    async fn deleting_takes_proof_that_the_form_is_ours(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        app.add_user("mallory", Role::User, &["sip:mallory@example.org"]).await;
        let ids = [app.store(Pager::new()).await, app.store(Pager::new()).await, app.store(Pager::new()).await];
        let session = sign_in(&app, "alice").await;
        let inbox = page(&app, ALICE, &session).await;
        let token = csrf(&inbox);
        let delete = format!("{ALICE}/delete");
        let fields = |token: &'static str| [("csrf", token), ("id", "x")];
        for forged in ["", "wrong", "a.b"] {
            let answer = post(&app, &delete, &session, &fields(forged)).await;
            assert_eq!(answer.status, 403, "{forged}");
        }
        let other = sign_in(&app, "mallory").await;
        let foreign = csrf(&page(&app, "/accounts/sip%3Amallory%40example.org", &other).await);
        let pairs = [("csrf", foreign.as_str()), ("id", &ids[0])];
        assert_eq!(post(&app, &delete, &session, &pairs).await.status, 403);
        assert_eq!(app.waiting("sip:alice@example.org").await, 3);
        // Nobody is asked: it can be taken back.
        let two = [("csrf", token.as_str()), ("id", &ids[0]), ("id", &ids[1])];
        let done = post(&app, &delete, &session, &two).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, ALICE));
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
        assert!(page(&app, ALICE, &session).await.text().contains("2 messages deleted."));
        // A script proves it by a header field, and by a cookie alone nothing is deleted.
        let api = format!("/api/v1{ALICE}/messages/{}", ids[2]);
        let request = || app.request(Method::DELETE, &api).header("cookie", &session);
        app.send(request()).await.assert_problem(403, "forged-request");
        let token = csrf(&page(&app, ALICE, &session).await);
        assert_eq!(app.send(request().header("x-csrf-token", token)).await.status, 204);
    }

    async fn pages_of_other_sites_cannot_post(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        for (name, value) in [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
            let request = app.request(Method::POST, "/sign-in").header(name, value)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(format!("name=alice&password={PASSWORD}"));
            app.send(request).await.assert_problem(403, "forged-request");
        }
    }

    async fn what_people_send_is_shown_as_text(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let script = "<script>alert(1)</script>";
        let hostile = Pager { from: format!("\"{script}\" <sip:x@example.org>;tag=1"), ..Pager::new() }
            .header("Subject", script).header("X-Evil", script).content("text/html", script);
        let id = app.store(hostile).await;
        let session = sign_in(&app, "alice").await;
        for path in [ALICE.to_owned(), format!("{ALICE}/messages/{id}"), format!("{ALICE}/metadata"),
            format!("{ALICE}?q=%3Cscript%3Ealert(1)%3C/script%3E")] {
            let answer = page(&app, &path, &session).await;
            assert_eq!(answer.status, 200, "{path}");
            assert!(!answer.text().contains(script), "{path}");
            assert!(answer.text().contains("script&#"), "{path} shows it escaped");
            assert!(answer.header("content-security-policy").contains("script-src 'self'"), "{path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        }
    }

    async fn behind_tls_the_cookie_is_bound_to_this_host(app: TestApp, "[http]\npublic_url = 'https://mail.example.org/'\n") {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let answer = post(&app, "/sign-in", "", &[("name", "alice"), ("password", PASSWORD)]).await;
        let set = answer.header("set-cookie");
        assert!(set.starts_with("__Host-restante=") && set.contains("Secure"), "{set}");
        assert_eq!(answer.header("strict-transport-security"), "max-age=31536000");
    }

    async fn the_setup_link_makes_one_administrator(app: TestApp) {
        let link = app.identity.setup_link().await.unwrap().unwrap();
        let path = format!("/setup?token={link}");
        assert_eq!(page(&app, &path, "").await.status, 200);
        assert_eq!(page(&app, "/setup?token=wrong", "").await.status, 404);
        let submit = |password: &'static str, again: &'static str| {
            let link = link.clone();
            let app = &app;
            async move {
                post(app, "/setup", "", &[("token", &link), ("name", "root"), ("password", password), ("password_again", again)]).await
            }
        };
        assert!(submit("long enough", "but different").await.text().contains("differ"));
        assert_eq!(submit("short", "short").await.status, 422);
        let made = submit(PASSWORD, PASSWORD).await;
        assert_eq!((made.status.as_u16(), made.header("location")), (303, "/"));
        assert_eq!(page(&app, "/accounts", &cookie(&made)).await.status, 200);
        assert_eq!(submit(PASSWORD, PASSWORD).await.status, 404);
        assert_eq!(page(&app, &path, "").await.status, 404);
        assert_eq!(app.identity.setup_link().await.unwrap(), None);
        sign_in(&app, "root").await;
    }

    async fn an_administrator_made_otherwise_ends_the_link(app: TestApp) {
        let link = app.identity.setup_link().await.unwrap().unwrap();
        app.add_user("root", Role::Admin, &[]).await;
        assert_eq!(page(&app, &format!("/setup?token={link}"), "").await.status, 404);
        let fields = [("token", link.as_str()), ("name", "second"), ("password", PASSWORD), ("password_again", PASSWORD)];
        assert_eq!(post(&app, "/setup", "", &fields).await.status, 404);
    }

    async fn a_new_password_ends_the_sessions(app: TestApp) {
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        let session = sign_in(&app, "alice").await;
        assert_eq!(page(&app, ALICE, &session).await.status, 200);
        app.identity.set_password("alice", "quite another one").await.unwrap();
        assert_eq!(page(&app, ALICE, &session).await.status, 303);
    }

    async fn an_old_setup_link_is_dead(app: TestApp) {
        let link = app.identity.setup_link().await.unwrap().unwrap();
        app.clock.advance(chrono::TimeDelta::hours(25));
        assert_eq!(page(&app, &format!("/setup?token={link}"), "").await.status, 404);
    }
}
