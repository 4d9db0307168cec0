//! What becomes of people's sessions, links and tokens when others change what they may, and what the audit says of it.

use chrono::TimeDelta;
use restante::domain::access::{Principal, Role, TokenScope};
use restante::domain::audit::{Actor, ActorKind};
use restante::identity::{IdentityError, NewSecret, UserChange};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret};

use crate::on_both_databases;
use crate::support::browser::{cookie, page, post, sign_in};
use crate::support::{PASSWORD, TestApp};

const AOR: &str = "sip:alice@example.org";
const OTHER: &str = "nine ships in the fog";
const HOUR: TimeDelta = TimeDelta::hours(1);
const REALM: &str = "mail.example.org";

/// A person who has been added.
async fn person(app: &TestApp, name: &str, role: Role, aors: &[&str]) -> (Principal, i64) {
    app.add_user(name, role, aors).await;
    let person = app.identity.person(name).await.unwrap().unwrap();
    let id = person.person_id().unwrap();
    (person, id)
}

async fn change(app: &TestApp, id: i64, change: UserChange) -> Result<(), IdentityError> {
    let by = Actor::of(ActorKind::User, 77);
    let changed = app.identity.change_user(id, change, by, |_| true).await;
    changed.map(|_| ())
}

fn disabled(disabled: bool) -> UserChange {
    UserChange {
        disabled: Some(disabled),
        ..UserChange::default()
    }
}

fn role(role: Role) -> UserChange {
    UserChange {
        role: Some(role),
        ..UserChange::default()
    }
}

/// Gives a person a second factor; what their app shows later.
async fn guard(app: &TestApp, person: &Principal) -> impl Fn(&TestApp) -> String + use<> {
    let secret = NewSecret::random(person).unwrap().text;
    let shown = secret.clone();
    let code = move |app: &TestApp| {
        let shared = Secret::try_from_base32(&shown).unwrap();
        let now = app.clock.now().timestamp().try_into().unwrap();
        let totp = Builder::new().with_secret(shared).build().unwrap();
        totp.generate(now).to_string()
    };
    let now = code(app);
    let added = app.identity.add_second_factor(person, &secret, &now);
    added.await.unwrap();
    code
}

/// What the audit says, oldest first.
async fn said(app: &TestApp) -> Vec<(String, String, Value)> {
    let answer = app.get("/api/v1/audit?limit=200").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entries = answer.json()["items"].as_array().unwrap().clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let said = entries.iter().rev().map(|entry| {
        let actor = format!("{} {}", text(&entry["actor"]), text(&entry["actor_id"]));
        (text(&entry["action"]), actor, entry["detail"].clone())
    });
    said.collect()
}

on_both_databases! {
    async fn whoever_is_disabled_is_out_at_once_and_no_link_leads_back(app: TestApp) {
        let (alice, id) = person(&app, "alice", Role::User, &[AOR]).await;
        let session = sign_in(&app, "alice").await;
        let link = app.identity.reset_link("alice").await.unwrap();
        let aors = [AOR.parse().unwrap()];
        let token = app.identity.create_own_token(&alice, "t", &[TokenScope::Read], &aors, HOUR, REALM);
        let token = token.await.unwrap().text;
        change(&app, id, disabled(true)).await.unwrap();
        assert_eq!(page(&app, "/me", &session).await.status, 303);
        assert!(app.identity.own_sessions(&alice, HOUR).await.unwrap().is_empty());
        app.get_as(&token, "/api/v1/accounts").await.assert_problem(401, "token-expired");
        assert!(app.identity.welcome(&link).await.unwrap().is_none());
        assert!(matches!(app.identity.accept(&link, OTHER).await, Err(IdentityError::BadLink)));
        let fields = [("name", "alice"), ("password", PASSWORD)];
        assert_eq!(post(&app, "/sign-in", "", &fields).await.status, 401);
        assert!(app.identity.person_with_id(id).await.unwrap().is_none());
        change(&app, id, disabled(false)).await.unwrap();
        assert_eq!(page(&app, "/me", &session).await.status, 303);
        assert!(app.identity.welcome(&link).await.unwrap().is_none(), "a link from before stays ended");
        sign_in(&app, "alice").await;
        // One that is made meanwhile waits.
        change(&app, id, disabled(true)).await.unwrap();
        let link = app.identity.reset_link("alice").await.unwrap();
        assert!(app.identity.welcome(&link).await.unwrap().is_none());
        assert!(matches!(app.identity.accept(&link, OTHER).await, Err(IdentityError::BadLink)));
    }

    async fn whoever_waits_for_a_code_and_is_disabled_is_not_let_in(app: TestApp) {
        let (alice, id) = person(&app, "alice", Role::User, &[AOR]).await;
        let code = guard(&app, &alice).await;
        let fields = [("name", "alice"), ("password", PASSWORD)];
        let waiting = cookie(&post(&app, "/sign-in", "", &fields).await);
        change(&app, id, disabled(true)).await.unwrap();
        app.clock.advance(TimeDelta::seconds(60));
        let answer = post(&app, "/sign-in/code", &waiting, &[("code", &code(&app))]).await;
        assert_eq!(answer.header("location"), "/sign-in");
    }

    async fn another_role_asks_for_a_new_session(app: TestApp) {
        let (oscar, id) = person(&app, "oscar", Role::Operator, &[AOR]).await;
        let session = sign_in(&app, "oscar").await;
        change(&app, id, role(Role::User)).await.unwrap();
        assert_eq!(page(&app, "/me", &session).await.status, 303);
        assert!(app.identity.own_sessions(&oscar, HOUR).await.unwrap().is_empty());
    }

    async fn whoever_is_removed_leaves_nothing(app: TestApp) {
        let (alice, id) = person(&app, "alice", Role::User, &[AOR]).await;
        let session = sign_in(&app, "alice").await;
        let _code = guard(&app, &alice).await;
        let link = app.identity.reset_link("alice").await.unwrap();
        app.identity.remove_user(id, Actor::CONSOLE, |_| true).await.unwrap();
        assert_eq!(page(&app, "/me", &session).await.status, 303);
        assert!(app.identity.own_sessions(&alice, HOUR).await.unwrap().is_empty());
        assert!(app.identity.welcome(&link).await.unwrap().is_none());
    }

    async fn an_administrator_without_a_password_administers_nothing_yet(app: TestApp) {
        let (_, root) = person(&app, "root", Role::Admin, &[]).await;
        let link = app.identity.invite("next", Role::Admin, &[], &[]).await.unwrap();
        for last in [disabled(true), role(Role::Operator)] {
            assert!(matches!(change(&app, root, last).await, Err(IdentityError::LastAdmin)));
        }
        app.identity.accept(&link, OTHER).await.unwrap();
        change(&app, root, disabled(true)).await.unwrap();
    }

    async fn invitations_are_bound_as_people_are(app: TestApp) {
        let domain = "example.org".parse().unwrap();
        app.identity.invite("otto", Role::Operator, &[], &[domain]).await.unwrap();
        assert_eq!(app.identity.users().await.unwrap()[0].domains[0].as_str(), "example.org");
        let domain = "example.org".parse().unwrap();
        for refused in [
            app.identity.invite("alice", Role::User, &[], &[]).await,
            app.identity.invite("alice", Role::User, &[AOR.parse().unwrap()], &[domain]).await,
        ] {
            assert!(matches!(refused, Err(IdentityError::BadField { .. })), "{refused:?}");
        }
        assert!(matches!(app.identity.invite("", Role::Admin, &[], &[]).await, Err(IdentityError::BadName)));
    }

    async fn what_people_do_about_their_sign_in_is_written_down(app: TestApp) {
        let operator = app.identity.by(Actor::of(ActorKind::User, 77));
        let link = operator.invite("alice", Role::User, &[AOR.parse().unwrap()], &[]).await.unwrap();
        let fields = [("token", link.as_str()), ("password", PASSWORD), ("password_again", PASSWORD)];
        let session = cookie(&post(&app, "/welcome", "", &fields).await);
        let alice = app.identity.person("alice").await.unwrap().unwrap();
        let id = alice.person_id().unwrap();
        let elsewhere = sign_in(&app, "alice").await;
        app.identity.end_other_sessions(&alice, "").await.unwrap();
        // There is nothing to end any more.
        app.identity.end_other_sessions(&alice, "").await.unwrap();
        for session in [session, elsewhere] {
            assert_eq!(page(&app, "/me", &session).await.status, 303);
        }
        let code = guard(&app, &alice).await;
        app.identity.renew_recovery_codes(&alice).await.unwrap();
        let fields = [("name", "alice"), ("password", PASSWORD)];
        let waiting = cookie(&post(&app, "/sign-in", "", &fields).await);
        assert_eq!(post(&app, "/sign-in/code", &waiting, &[("code", "000000")]).await.status, 401);
        app.clock.advance(TimeDelta::seconds(60));
        assert_eq!(post(&app, "/sign-in/code", &waiting, &[("code", &code(&app))]).await.status, 303);
        app.identity.change_password(&alice, PASSWORD, OTHER).await.unwrap();
        operator.remove_second_factor("alice").await.unwrap();
        operator.remove_second_factor("alice").await.unwrap();
        operator.reset_link("alice").await.unwrap();
        let (own, others) = (format!("user {id}"), "user 77".to_owned());
        let user = json!({"user": id});
        let network = "127.0.0.0/24";
        let signed_in = json!({"way": "page", "network": network});
        let said = said(&app).await;
        let told: Vec<_> = said.iter().map(|(action, actor, detail)| (action.as_str(), actor.as_str(), detail.clone())).collect();
        let at = told.iter().position(|(action, ..)| *action == "user.created").unwrap();
        assert_eq!(told[at..], [
            ("user.created", &*others, json!({"user": id, "role": "user", "accounts": 1})),
            ("password.link_made", &*others, user.clone()),
            ("password.link_used", &*own, json!({"user": id, "first": true})),
            ("password.changed", &*own, user.clone()),
            ("session.sign_in", &*own, signed_in.clone()),
            ("session.sign_in", &*own, signed_in.clone()),
            ("session.ended", &*own, json!({"user": id, "sessions": 2})),
            ("second_factor.added", &*own, user.clone()),
            ("second_factor.codes_renewed", &*own, user.clone()),
            ("session.sign_in", "nobody ", json!({"way": "code", "network": network, "user": id})),
            ("session.sign_in", &*own, signed_in),
            ("password.changed", &*own, user.clone()),
            ("second_factor.removed", &*others, user.clone()),
            ("password.link_made", &*others, user),
        ]);
        let text = format!("{said:?}");
        assert!(!text.contains("alice") && !text.contains(&link), "{text}");
    }
}
