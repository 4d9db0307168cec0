//! What people do about their own sign-in: passwords, links to choose one by, sessions.

use chrono::TimeDelta;
use restante::domain::access::Role;
use restante::identity::{IdentityError, PasswordError};

use crate::on_both_databases;
use crate::support::browser::{cookie, page, post, sign_in};
use crate::support::{PASSWORD, TestApp};

const ALICE: &str = "/accounts/sip%3Aalice%40example.org";
const OWN: [&str; 1] = ["sip:alice@example.org"];
const OTHER: &str = "nine ships in the fog";

async fn alice(app: &TestApp) {
    app.add_user("alice", Role::User, &OWN).await;
}

on_both_databases! {
    async fn what_everybody_tries_first_is_no_password(app: TestApp) {
        alice(&app).await;
        for (password, why) in [
            ("short", "at least"),
            ("Password123", "many people have this password"),
            ("alice 2026", "name or address"),
            ("alice@example.org", "name or address"),
            ("restante-1", "name of this program"),
            ("abababababab", "repeats itself"),
        ] {
            let refused = app.identity.set_password("alice", password).await.unwrap_err();
            assert!(refused.to_string().contains(why), "{password}: {refused}");
        }
        sign_in(&app, "alice").await;
        let long = "all work and no play ".repeat(5);
        app.identity.set_password("alice", &long).await.unwrap();
        let fields = [("name", "alice"), ("password", long.as_str())];
        assert_eq!(post(&app, "/sign-in", "", &fields).await.status, 303);
    }

    async fn a_password_is_known_however_its_letters_are_put_together(app: TestApp) {
        alice(&app).await;
        app.identity.set_password("alice", "cafe\u{301} au lait chaud").await.unwrap();
        let fields = [("name", "alice"), ("password", "caf\u{e9} au lait chaud")];
        assert_eq!(post(&app, "/sign-in", "", &fields).await.status, 303);
    }

    async fn an_invitation_is_good_once(app: TestApp) {
        let aors = [OWN[0].parse().unwrap()];
        let link = app.identity.invite("alice", Role::User, &aors, &[]).await.unwrap();
        let path = format!("/welcome?token={link}");
        // Nobody has the empty password.
        for password in ["", PASSWORD] {
            let refused = post(&app, "/sign-in", "", &[("name", "alice"), ("password", password)]).await;
            assert_eq!(refused.status, 401);
        }
        let taken = app.identity.invite("alice", Role::User, &aors, &[]).await.unwrap_err();
        assert!(matches!(taken, IdentityError::NameTaken));
        let shown = page(&app, &path, "").await;
        assert_eq!(shown.status, 200);
        assert!(shown.text().contains("Welcome") && shown.text().contains("value=\"alice\""));
        let choose = |password: &'static str, again: &'static str| {
            let (app, link) = (&app, link.as_str());
            async move {
                post(app, "/welcome", "", &[("token", link), ("password", password), ("password_again", again)]).await
            }
        };
        assert!(choose(OTHER, PASSWORD).await.text().contains("differ"));
        let weak = choose("password1234", "password1234").await;
        assert_eq!(weak.status, 422);
        assert!(weak.text().contains("Many people have this password"));
        let made = choose(OTHER, OTHER).await;
        assert_eq!((made.status.as_u16(), made.header("location")), (303, "/"));
        assert_eq!(page(&app, ALICE, &cookie(&made)).await.status, 200);
        assert_eq!(choose(PASSWORD, PASSWORD).await.status, 404);
        assert_eq!(page(&app, &path, "").await.status, 404);
        assert_eq!(page(&app, "/welcome?token=wrong", "").await.status, 404);
    }

    async fn two_who_have_the_link_choose_one_password(app: TestApp) {
        let link = app.identity.invite("alice", Role::User, &[OWN[0].parse().unwrap()], &[]).await.unwrap();
        let (one, other) = tokio::join!(app.identity.accept(&link, OTHER), app.identity.accept(&link, PASSWORD));
        let refused = [one.err(), other.err()].into_iter().flatten().collect::<Vec<_>>();
        assert!(matches!(refused[..], [IdentityError::BadLink]), "{refused:?}");
    }

    async fn a_link_to_another_password_ends_what_was_before(app: TestApp) {
        alice(&app).await;
        let session = sign_in(&app, "alice").await;
        let first = app.identity.reset_link("alice").await.unwrap();
        let second = app.identity.reset_link("alice").await.unwrap();
        assert_eq!(page(&app, &format!("/welcome?token={first}"), "").await.status, 404, "a later link ends it");
        assert_eq!(page(&app, ALICE, &session).await.status, 200, "until it is used all stays");
        let fields = [("token", second.as_str()), ("password", OTHER), ("password_again", OTHER)];
        let made = post(&app, "/welcome", "", &fields).await;
        assert_eq!(made.status, 303);
        assert_eq!(page(&app, ALICE, &session).await.status, 303);
        assert_eq!(page(&app, ALICE, &cookie(&made)).await.status, 200);
        let old = post(&app, "/sign-in", "", &[("name", "alice"), ("password", PASSWORD)]).await;
        assert_eq!(old.status, 401);
        let nobody = app.identity.reset_link("nobody").await.unwrap_err();
        assert!(matches!(nobody, IdentityError::UnknownUser));
    }

    async fn links_are_good_for_three_days(app: TestApp) {
        alice(&app).await;
        let link = app.identity.reset_link("alice").await.unwrap();
        app.clock.advance(TimeDelta::hours(71));
        assert!(app.identity.welcome(&link).await.unwrap().is_some());
        app.clock.advance(TimeDelta::hours(1));
        assert!(app.identity.welcome(&link).await.unwrap().is_none());
        assert!(matches!(app.identity.accept(&link, OTHER).await, Err(IdentityError::BadLink)));
    }

    async fn a_password_set_otherwise_ends_the_links(app: TestApp) {
        alice(&app).await;
        let link = app.identity.reset_link("alice").await.unwrap();
        app.identity.set_password("alice", OTHER).await.unwrap();
        assert!(app.identity.welcome(&link).await.unwrap().is_none());
    }

    async fn an_invited_administrator_leaves_the_setup_link_until_there_is_a_password(app: TestApp) {
        let setup = app.identity.setup_link().await.unwrap().unwrap();
        let link = app.identity.invite("root", Role::Admin, &[], &[]).await.unwrap();
        assert!(app.identity.setup_link_is_good(&setup).await.unwrap());
        assert!(matches!(
            app.identity.accept(&link, "short").await,
            Err(IdentityError::Password(PasswordError::TooShort))
        ));
        app.identity.accept(&link, OTHER).await.unwrap();
        assert!(!app.identity.setup_link_is_good(&setup).await.unwrap());
    }

    async fn whoever_does_nothing_for_long_signs_in_again(app: TestApp, "[http]\nsession_idle_timeout = '30m'\nsession_total_timeout = '3h'\n") {
        alice(&app).await;
        let session = sign_in(&app, "alice").await;
        let person = app.identity.person("alice").await.unwrap().unwrap();
        let idle = TimeDelta::minutes(30);
        // Used every twenty minutes it goes on, but not for ever.
        for n in 1..9 {
            app.clock.advance(TimeDelta::minutes(20));
            let now = app.clock.now();
            assert_eq!(page(&app, ALICE, &session).await.status, 200, "after {n} times 20 minutes");
            // Its use is written a moment later.
            loop {
                let sessions = app.identity.own_sessions(&person, idle).await.unwrap();
                if sessions[0].last_used_at.unwrap() >= now {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        app.clock.advance(TimeDelta::minutes(20));
        assert_eq!(page(&app, ALICE, &session).await.status, 303, "three hours are over");
        let session = sign_in(&app, "alice").await;
        app.clock.advance(TimeDelta::minutes(31));
        assert_eq!(page(&app, ALICE, &session).await.status, 303, "nothing was done for half an hour");
        assert_eq!(app.identity.own_sessions(&person, idle).await.unwrap().len(), 0);
    }

    async fn use_within_a_minute_is_not_written(app: TestApp) {
        alice(&app).await;
        let session = sign_in(&app, "alice").await;
        let person = app.identity.person("alice").await.unwrap().unwrap();
        let begun = app.identity.own_sessions(&person, TimeDelta::hours(2)).await.unwrap();
        app.clock.advance(TimeDelta::seconds(50));
        assert_eq!(page(&app, ALICE, &session).await.status, 200);
        // Writes are one after another on SQLite: what was to be written would be before this.
        app.identity.reset_link("alice").await.unwrap();
        let now = app.identity.own_sessions(&person, TimeDelta::hours(2)).await.unwrap();
        assert_eq!(now[0].last_used_at, begun[0].last_used_at);
        assert_eq!(now[0].begun_at, begun[0].begun_at);
        assert_eq!((now[0].address.as_deref(), now[0].agent.as_deref()), (Some("127.0.0.1"), Some("Another program")));
    }

    async fn an_operator_signs_somebody_out(app: TestApp) {
        alice(&app).await;
        app.add_user("bob", Role::User, &["sip:bob@example.org"]).await;
        let (one, two, bobs) = (sign_in(&app, "alice").await, sign_in(&app, "alice").await, sign_in(&app, "bob").await);
        assert_eq!(app.identity.end_sessions("alice").await.unwrap(), 2);
        for session in [one, two] {
            assert_eq!(page(&app, ALICE, &session).await.status, 303);
        }
        assert_eq!(page(&app, "/accounts/sip%3Abob%40example.org", &bobs).await.status, 200);
        assert!(matches!(app.identity.end_sessions("nobody").await, Err(IdentityError::UnknownUser)));
    }
}
