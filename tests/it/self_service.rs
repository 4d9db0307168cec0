//! One's own account in the browser: changing the password, sessions, the second factor, tokens of one's own.

use chrono::{DateTime, TimeDelta, Utc};
use restante::domain::access::Role;
use totp_rs::{Builder, Secret};

use crate::on_both_databases;
use crate::support::browser::{cookie, csrf, page, post, sign_in};
use crate::support::{Answer, PASSWORD, TestApp};

const ALICE: &str = "/accounts/sip%3Aalice%40example.org";
const AOR: &str = "sip:alice@example.org";
const OTHER: &str = "nine ships in the fog";

async fn alice(app: &TestApp) -> String {
    app.add_user("alice", Role::User, &[AOR]).await;
    sign_in(app, "alice").await
}

/// Posts a form of a page of one's own account, with what proves that it is from there.
async fn submit(app: &TestApp, path: &str, session: &str, fields: &[(&str, &str)]) -> Answer {
    let token = csrf(&page(app, "/me", session).await);
    let mut all = vec![("csrf", token.as_str())];
    all.extend_from_slice(fields);
    post(app, path, session, &all).await
}

/// What the page of one's own account says.
async fn account(app: &TestApp, session: &str) -> String {
    let answer = page(app, "/me", session).await;
    assert_eq!(answer.status, 200);
    answer.text()
}

/// What stands between two texts.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text
        .split(before)
        .nth(1)
        .unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split(after).next().unwrap()
}

/// An authenticator app.
fn code(secret: &str, at: DateTime<Utc>) -> String {
    let secret = Secret::try_from_base32(secret).unwrap();
    let totp = Builder::new().with_secret(secret).build().unwrap();
    totp.generate(u64::try_from(at.timestamp()).unwrap())
        .to_string()
}

/// Adds a second factor; gives its secret, the recovery codes and the new session.
async fn guard(app: &TestApp, session: &str) -> (String, Vec<String>, String) {
    let shown = page(app, "/me/second-factor", session).await.text();
    let secret = between(&shown, "dir=\"ltr\">", "</code>").replace(' ', "");
    let now = code(&secret, app.clock.now());
    let made = submit(
        app,
        "/me/second-factor",
        session,
        &[("code", &now), ("password", PASSWORD)],
    )
    .await;
    assert_eq!(made.status, 200, "{}", made.text());
    let text = made.text();
    let codes = between(&text, "aria-label=\"Recovery codes\">", "</pre>");
    let codes: Vec<String> = codes.lines().map(str::to_owned).collect();
    assert_eq!(codes.len(), 10);
    (secret, codes, cookie(&made))
}

/// Proves the password; gives the session that waits for a code.
async fn first_step(app: &TestApp) -> String {
    let fields = [("name", "alice"), ("password", PASSWORD), ("next", ALICE)];
    let answer = post(app, "/sign-in", "", &fields).await;
    assert_eq!(answer.header("location"), "/sign-in/code");
    cookie(&answer)
}

on_both_databases! {
    async fn changing_the_password_needs_the_old_one(app: TestApp) {
        let session = alice(&app).await;
        let elsewhere = sign_in(&app, "alice").await;
        let change = |old: &'static str, new: &'static str, again: &'static str| {
            let (app, session) = (&app, session.as_str());
            async move {
                let fields = [("old", old), ("password", new), ("password_again", again)];
                let answer = submit(app, "/me/password", session, &fields).await;
                assert_eq!(answer.header("location"), "/me");
                answer
            }
        };
        for (old, new, again, why) in [
            ("wrong", OTHER, OTHER, "This is not your password."),
            (PASSWORD, OTHER, "another", "The two passwords differ."),
            (PASSWORD, "short", "short", "needs 10 characters"),
            (PASSWORD, "alice12345", "alice12345", "name or address"),
        ] {
            change(old, new, again).await;
            let text = account(&app, &session).await;
            assert!(text.contains(why) && text.contains("role=\"alert\""), "{why}");
        }
        let unproven = post(&app, "/me/password", &session, &[("old", PASSWORD), ("password", OTHER), ("password_again", OTHER)]).await;
        assert_eq!(unproven.status, 403);
        let changed = cookie(&change(PASSWORD, OTHER, OTHER).await);
        assert!(account(&app, &changed).await.contains("Your password is changed"));
        for old in [&session, &elsewhere] {
            assert_eq!(page(&app, "/me", old).await.status, 303);
        }
        assert_eq!(post(&app, "/sign-in", "", &[("name", "alice"), ("password", OTHER)]).await.status, 303);
    }

    async fn sessions_are_listed_and_ended(app: TestApp) {
        let session = alice(&app).await;
        let (second, third) = (sign_in(&app, "alice").await, sign_in(&app, "alice").await);
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        let bobs = sign_in(&app, "bob").await;
        let text = account(&app, &session).await;
        assert_eq!(text.matches("Another program").count(), 3 + 2, "three rows, of which two can be ended");
        assert_eq!(text.matches("This one").count(), 1);
        // Bob's session is not Alice's to end.
        let bob = app.identity.person("bob").await.unwrap().unwrap();
        let bob = app.identity.own_sessions(&bob, TimeDelta::hours(1)).await.unwrap();
        submit(&app, "/me/sessions/end", &session, &[("session", &bob[0].id_hash)]).await;
        assert!(account(&app, &session).await.contains("had ended already"));
        assert_eq!(page(&app, "/me", &bobs).await.status, 200);
        let other = between(&text, "name=\"session\" value=\"", "\"");
        submit(&app, "/me/sessions/end", &session, &[("session", other)]).await;
        let left = [&second, &third];
        let mut ended = 0;
        for session in left {
            ended += usize::from(page(&app, "/me", session).await.status == 303);
        }
        assert_eq!(ended, 1);
        submit(&app, "/me/sessions/end-others", &session, &[]).await;
        for session in left {
            assert_eq!(page(&app, "/me", session).await.status, 303);
        }
        assert!(account(&app, &session).await.contains("one session ended"));
        assert_eq!(page(&app, "/me", &bobs).await.status, 200);
    }

    async fn signing_in_with_a_second_factor_takes_two_steps(app: TestApp) {
        let session = alice(&app).await;
        let elsewhere = sign_in(&app, "alice").await;
        let shown = page(&app, "/me/second-factor", &session).await.text();
        assert!(shown.contains("otpauth://totp/Restante:alice?secret=") && shown.contains("class=\"qr\""));
        let secret = between(&shown, "dir=\"ltr\">", "</code>").replace(' ', "");
        let good = code(&secret, app.clock.now());
        for (code, password, why) in [("000000", PASSWORD, "This code is wrong"), (good.as_str(), "wrong", "not your password"), ("", PASSWORD, "This code is wrong")] {
            let answer = submit(&app, "/me/second-factor", &session, &[("code", code), ("password", password)]).await;
            assert_eq!(answer.header("location"), "/me/second-factor");
            assert!(page(&app, "/me/second-factor", &session).await.text().contains(why), "{why}");
        }
        let (secret, _, session) = guard(&app, &session).await;
        assert!(account(&app, &session).await.contains("10 recovery codes"));
        assert_eq!(page(&app, "/me", &elsewhere).await.status, 303, "others are signed out");

        let waiting = first_step(&app).await;
        assert_eq!(page(&app, ALICE, &waiting).await.status, 303, "the password alone opens nothing");
        let wrong = post(&app, "/sign-in/code", &waiting, &[("code", "000000")]).await;
        assert_eq!(wrong.status, 401);
        let used = code(&secret, app.clock.now());
        let refused = post(&app, "/sign-in/code", &waiting, &[("code", &used)]).await;
        assert_eq!(refused.status, 401, "the code that showed the app is right was used");
        app.clock.advance(TimeDelta::seconds(60));
        let next = code(&secret, app.clock.now());
        let answer = post(&app, "/sign-in/code", &waiting, &[("code", &next)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, ALICE));
        assert_ne!(cookie(&answer), waiting, "a new id");
        assert_eq!(page(&app, ALICE, &cookie(&answer)).await.status, 200);
        // The same code, by somebody who looked over the shoulder, within its window.
        let again = first_step(&app).await;
        assert_eq!(post(&app, "/sign-in/code", &again, &[("code", &next)]).await.status, 401);
    }

    async fn of_two_with_one_code_one_is_let_in(app: TestApp) {
        let session = alice(&app).await;
        let (secret, ..) = guard(&app, &session).await;
        app.clock.advance(TimeDelta::seconds(60));
        let person = app.identity.person("alice").await.unwrap().unwrap();
        let code = code(&secret, app.clock.now());
        let prove = || app.identity.prove_second_factor(&person, &code);
        let (one, two, three) = tokio::join!(prove(), prove(), prove());
        let right = [one, two, three].into_iter().filter(|proved| *proved.as_ref().unwrap());
        assert_eq!(right.count(), 1);
    }

    async fn the_second_step_waits_five_minutes_and_codes_are_not_guessed(app: TestApp) {
        let session = alice(&app).await;
        let (secret, ..) = guard(&app, &session).await;
        let late = first_step(&app).await;
        app.clock.advance(TimeDelta::minutes(6));
        let answer = post(&app, "/sign-in/code", &late, &[("code", &code(&secret, app.clock.now()))]).await;
        assert_eq!(answer.header("location"), "/sign-in");
        assert_eq!(page(&app, "/sign-in/code", "").await.header("location"), "/sign-in");
        let waiting = first_step(&app).await;
        let mut refused = None;
        for n in 0..12 {
            let answer = post(&app, "/sign-in/code", &waiting, &[("code", &format!("{n:06}"))]).await;
            if answer.status == 429 {
                refused = Some(answer);
                break;
            }
        }
        let wait: u64 = refused.expect("guessing must end").header("retry-after").parse().unwrap();
        assert!((1..=360).contains(&wait), "{wait}");
        // Even the right one has to wait now, with the password proved anew as well.
        let anew = first_step(&app).await;
        assert_eq!(post(&app, "/sign-in/code", &anew, &[("code", &code(&secret, app.clock.now()))]).await.status, 429);
    }

    async fn recovery_codes_work_once(app: TestApp) {
        let session = alice(&app).await;
        let (_, codes, _) = guard(&app, &session).await;
        let typed = codes[0].to_uppercase().replace('-', " ");
        let answer = post(&app, "/sign-in/code", &first_step(&app).await, &[("code", &typed)]).await;
        assert_eq!(answer.status, 303);
        let session = cookie(&answer);
        assert!(account(&app, &session).await.contains("9 recovery codes"));
        let again = post(&app, "/sign-in/code", &first_step(&app).await, &[("code", &codes[0])]).await;
        assert_eq!(again.status, 401);
        // Fresh ones end those before, and need the password.
        submit(&app, "/me/second-factor/codes", &session, &[("password", "wrong")]).await;
        assert!(account(&app, &session).await.contains("not your password"));
        let fresh = submit(&app, "/me/second-factor/codes", &session, &[("password", PASSWORD)]).await;
        assert!(!fresh.text().contains(&codes[1]));
        let old = post(&app, "/sign-in/code", &first_step(&app).await, &[("code", &codes[1])]).await;
        assert_eq!(old.status, 401);
        assert!(account(&app, &session).await.contains("10 recovery codes"));
    }

    async fn a_second_factor_is_taken_away_by_its_owner_or_an_operator(app: TestApp) {
        let session = alice(&app).await;
        let (.., session) = guard(&app, &session).await;
        submit(&app, "/me/second-factor/remove", &session, &[("password", "wrong")]).await;
        first_step(&app).await;
        let removed = submit(&app, "/me/second-factor/remove", &session, &[("password", PASSWORD)]).await;
        let session = cookie(&removed);
        sign_in(&app, "alice").await;
        let (.., session) = guard(&app, &session).await;
        app.identity.remove_second_factor("alice").await.unwrap();
        assert_eq!(page(&app, "/me", &session).await.status, 303);
        sign_in(&app, "alice").await;
    }

    async fn a_link_does_not_lead_past_the_second_factor(app: TestApp) {
        let session = alice(&app).await;
        guard(&app, &session).await;
        let link = app.identity.reset_link("alice").await.unwrap();
        let fields = [("token", link.as_str()), ("password", OTHER), ("password_again", OTHER)];
        let answer = post(&app, "/welcome", "", &fields).await;
        assert_eq!(answer.header("location"), "/sign-in/code");
        assert_eq!(page(&app, ALICE, &cookie(&answer)).await.status, 303);
    }

    async fn ones_own_tokens_are_made_used_and_revoked(app: TestApp) {
        let session = alice(&app).await;
        app.store(crate::support::message::Pager::new()).await;
        let make = |fields: Vec<(&'static str, &'static str)>| {
            let (app, session) = (&app, session.as_str());
            async move { submit(app, "/me/tokens", session, &fields).await }
        };
        for (fields, why) in [
            (vec![("name", "t"), ("aor", AOR), ("days", "30")], "choose what the token may do"),
            (vec![("name", "t"), ("scope", "read"), ("days", "30")], "of your own addresses"),
            (vec![("name", "t"), ("scope", "read"), ("aor", "sip:bob@example.org"), ("days", "30")], "of your own addresses"),
            (vec![("name", "t"), ("scope", "operator"), ("aor", AOR), ("days", "30")], "read and delete, and nothing else"),
            (vec![("name", "t"), ("scope", "gateway"), ("aor", AOR), ("days", "30")], "read and delete, and nothing else"),
            (vec![("name", "t"), ("scope", "read"), ("aor", AOR), ("days", "3660")], "a year at most"),
            (vec![("name", "t"), ("scope", "read"), ("aor", AOR), ("days", "-1")], "not filled in"),
            (vec![("name", ""), ("scope", "read"), ("aor", AOR), ("days", "30")], "control characters"),
        ] {
            assert_eq!(make(fields).await.header("location"), "/me");
            let text = account(&app, &session).await.to_lowercase();
            assert!(text.contains(why), "{why}");
        }
        let answer = make(vec![("name", "phone"), ("scope", "read"), ("aor", AOR), ("days", "30")]).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"));
        let text = answer.text();
        let secret = between(&text, "aria-label=\"Secret of the token\">", "</pre>");
        let list = account(&app, &session).await;
        assert!(list.contains("never used") && !list.contains(secret));
        let messages = format!("/api/v1{ALICE}/messages");
        assert_eq!(app.get_as(secret, &messages).await.status, 200);
        app.get_as(secret, "/api/v1/accounts/sip%3Abob%40example.org/messages").await.assert_problem(404, "not-found");
        // Its use is written a moment later.
        while account(&app, &session).await.contains("never used") {
            tokio::task::yield_now().await;
        }
        let person = app.identity.person("alice").await.unwrap().unwrap();
        let used = app.identity.own_tokens(&person).await.unwrap()[0].last_used_at;
        app.clock.advance(TimeDelta::seconds(50));
        assert_eq!(app.get_as(secret, &messages).await.status, 200);
        app.identity.reset_link("alice").await.unwrap();
        assert_eq!(app.identity.own_tokens(&person).await.unwrap()[0].last_used_at, used, "not twice in a minute");
        // Others cannot end it; its owner can.
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        let bobs = sign_in(&app, "bob").await;
        let revoke = between(&list, "action=\"/me/tokens/", "\"").to_owned();
        let revoke = format!("/me/tokens/{revoke}");
        submit(&app, &revoke, &bobs, &[]).await;
        assert!(account(&app, &bobs).await.contains("no such token"));
        assert_eq!(app.get_as(secret, &messages).await.status, 200);
        submit(&app, &revoke, &session, &[]).await;
        app.get_as(secret, &messages).await.assert_problem(401, "token-expired");
        assert!(!account(&app, &session).await.contains("/revoke"));
    }

    async fn whoever_is_erased_leaves_no_session_and_no_token(app: TestApp) {
        let session = alice(&app).await;
        let person = app.identity.person("alice").await.unwrap().unwrap();
        let aors = [AOR.parse().unwrap()];
        let read = [restante::domain::access::TokenScope::Read];
        let token = app.identity.create_own_token(&person, "t", &read, &aors, TimeDelta::days(1), "mail.example.org");
        let token = token.await.unwrap().text;
        assert_eq!(app.delete(&format!("/api/v1/accounts/{AOR}")).await.status, 200);
        assert_eq!(page(&app, "/me", &session).await.status, 303);
        assert_eq!(app.identity.own_sessions(&person, TimeDelta::hours(1)).await.unwrap().len(), 0);
        assert_eq!(app.get_as(&token, "/api/v1/accounts").await.status, 401);
    }

    async fn tokens_of_operators_are_nobodys_own(app: TestApp) {
        let session = alice(&app).await;
        let person = app.identity.person("alice").await.unwrap().unwrap();
        app.token(&[restante::domain::access::TokenScope::Read], &[AOR]).await;
        let all = app.identity.tokens().await.unwrap();
        let foreign = all.iter().find(|token| !token.aors.is_empty()).unwrap();
        assert!(!app.identity.revoke_token_of(foreign.id, &person).await.unwrap());
        assert!(!account(&app, &session).await.contains("Revoke"));
    }
}
