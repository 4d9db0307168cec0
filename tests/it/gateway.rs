//! Handing over: what is stored, under which number, for whom, and how often.

use futures_util::future::join_all;
use restante::domain::access::Role;
use serde_json::Value;

use crate::on_both_databases;
use crate::support::message::Pager;
use crate::support::{Answer, TestApp};

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";

fn time(value: &Value) -> chrono::DateTime<chrono::Utc> {
    value.as_str().unwrap().parse().unwrap()
}

on_both_databases! {
    async fn the_request_comes_back_byte_for_byte(app: TestApp) {
        let odd = Pager::new()
            .header("X-Latin-1", "caf\u{e9}")
            .header("sUbJeCt", "folded\r\n\t  over lines")
            .header("Accept-Contact", "*;+g.oma.sip-im;require;explicit")
            .content("application/octet-stream", (0..=255).collect::<Vec<u8>>());
        let mut raw = odd.bytes();
        // A header value that is not UTF-8 at all.
        let at = raw.windows(2).position(|w| w == "é".as_bytes()).unwrap();
        raw.splice(at..at + 2, [0xe9]);
        let answer = app.hand_over(raw.clone()).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        let stored = answer.json();
        let id = stored["id"].as_str().unwrap();
        assert_eq!(stored["message_id"], format!("sip:{id}@mail.example.org"));
        assert_eq!(stored["account"], "sip:alice@example.org");
        let location = answer.header("location");
        assert_eq!(location, format!("/api/v1/accounts/sip%3Aalice%40example.org/messages/{id}"));
        let got = app.get(&format!("{location}/raw")).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.header("content-type"), "message/sip");
        assert_eq!(got.body, raw);
    }

    async fn numbers_grow_by_one_and_are_never_used_again(app: TestApp) {
        let number = |id: String| id.parse::<u64>().unwrap();
        let first = number(app.store(Pager::new()).await);
        assert_eq!(number(app.store(Pager::new()).await), first + 1);
        // Another account has a row of its own.
        let bob = number(app.store(Pager::new().to("sip:bob@example.org")).await);
        assert_ne!(bob, first + 2);
        assert_eq!(app.delete(&format!("{ALICE}/messages/{}", first + 1)).await.status, 204);
        assert_eq!(number(app.store(Pager::new()).await), first + 2);
    }

    async fn the_same_request_is_stored_once(app: TestApp) {
        let request = Pager::new();
        let first = app.hand_over(request.clone()).await;
        assert_eq!(first.status, 201);
        // Through another proxy: another branch, another Max-Forwards, a Route.
        let again = Pager { branch: "z9hG4bKother".into(), ..request.clone() }.header("Route", "<sip:x>");
        let second = app.hand_over(again).await;
        assert_eq!(second.status, 200);
        assert_eq!(second.json(), first.json());
        assert_eq!(second.header("location"), first.header("location"));
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
        // Each of these makes another request.
        for other in [
            Pager { cseq: 2, ..request.clone() },
            Pager { call_id: "other".into(), ..request.clone() },
            Pager { from: "<sip:carol@example.org>;tag=other".into(), ..request.clone() },
            request.to("sip:bob@example.org"),
        ] {
            assert_eq!(app.hand_over(other).await.status, 201);
        }
    }

    async fn a_repeat_after_deletion_does_not_bring_the_message_back(app: TestApp) {
        let request = Pager::new();
        let id = app.store(request.clone()).await;
        app.delete(&format!("{ALICE}/messages/{id}")).await;
        let repeat = app.hand_over(request).await;
        assert_eq!((repeat.status.as_u16(), &repeat.json()["id"]), (200, &Value::from(id)));
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
    }

    async fn the_same_request_many_times_at_once_is_stored_once(app: TestApp) {
        let request = Pager::new();
        let answers = join_all((0..24).map(|n| {
            app.hand_over(Pager { branch: format!("z9hG4bKn{n}"), ..request.clone() })
        })).await;
        let created = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(created, 1);
        for answer in &answers {
            assert!(answer.status.is_success(), "{}", answer.text());
            assert_eq!(answer.json(), answers[0].json());
        }
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
    }

    async fn the_served_user_is_the_parameter_else_p_served_user_else_the_request_uri(app: TestApp) {
        let account = |answer: Answer| answer.json()["account"].clone();
        let plain = Pager::new();
        assert_eq!(account(app.hand_over(plain).await), "sip:alice@example.org");
        let served = Pager::new().header("P-Served-User", "<sip:served@example.org>;sescase=term;regstate=unreg");
        assert_eq!(account(app.hand_over(served.clone()).await), "sip:served@example.org");
        let named = app.hand_over_for("?aor=sip:Named%40EXAMPLE.org:5060;x=y", served).await;
        assert_eq!(account(named), "sip:Named@example.org");
    }

    async fn addresses_that_mean_the_same_are_one_account(app: TestApp) {
        for (same, normal) in [
            ("SIP:Alice:secret@EXAMPLE.Org:5060;transport=tcp", "sip:Alice@example.org"),
            ("sip:%41lice@example.org", "sip:Alice@example.org"),
            ("sips:Alice@example.org", "sip:Alice@example.org"),
            ("sip:alice@example.org", "sip:alice@example.org"),
            ("sip:alice@example.org:5070", "sip:alice@example.org:5070"),
            ("tel:+1-(212)-555.0100", "tel:+12125550100"),
        ] {
            let answer = app.hand_over(Pager::new().to(same)).await;
            assert_eq!(answer.json()["account"], normal, "{same}: {}", answer.text());
        }
    }

    async fn the_expiry_follows_the_policy(app: TestApp) {
        let expires = |answer: Answer| {
            let stored = answer.json();
            (time(&stored["expires_at"]) - time(&stored["stored_at"])).num_seconds()
        };
        let day = 86_400;
        let with = |value: &str| app.hand_over(Pager::new().header("Expires", value));
        assert_eq!(expires(app.hand_over(Pager::new()).await), 7 * day);
        assert_eq!(expires(with("3600").await), 3600);
        assert_eq!(expires(with(&(30 * day).to_string()).await), 30 * day);
        assert_eq!(expires(with(&(30 * day + 1).to_string()).await), 7 * day);
        assert_eq!(expires(with("99999999999999999999").await), 7 * day);
        assert_eq!(expires(with("soon").await), 7 * day);
    }

    /// However late a repeat comes, it is answered like the first time.
    async fn a_repeat_after_the_expiry_is_answered_like_the_first_time(app: TestApp) {
        let now = restante::sip::date::format(app.clock.now());
        let request = Pager::new().header("Date", &now).header("Expires", "60");
        let first = app.hand_over(request.clone()).await;
        app.clock.advance(chrono::TimeDelta::seconds(90));
        let repeat = app.hand_over(request).await;
        assert_eq!((repeat.status.as_u16(), repeat.json()), (200, first.json()));
        assert_eq!(app.waiting("sip:alice@example.org").await, 0);
    }

    /// Two copies race for the last place: both are told that it is stored.
    async fn repeats_that_race_for_the_last_place_agree(app: TestApp, "[policy]\nquota_messages = 1") {
        let request = Pager::new();
        let answers = join_all((0..16).map(|_| app.hand_over(request.clone()))).await;
        for answer in &answers {
            assert!(answer.status.is_success(), "{}", answer.text());
            assert_eq!(answer.json(), answers[0].json());
        }
    }

    async fn what_is_dead_on_arrival_is_not_stored(app: TestApp) {
        let zero = app.hand_over(Pager::new().header("Expires", "0")).await;
        assert_eq!(zero.assert_problem(422, "not-deferrable")["sip_status"], 480);
        let long_ago = Pager::new().header("Date", "Sat, 13 Nov 2010 23:29:00 GMT").header("Expires", "600");
        app.hand_over(long_ago).await.assert_problem(422, "not-deferrable");
        // Without an Expires, Date alone makes nothing old.
        let old = Pager::new().header("Date", "Sat, 13 Nov 2010 23:29:00 GMT");
        assert_eq!(app.hand_over(old).await.status, 201);
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
    }

    /// The quota holds however many write at once, and room given back is room.
    async fn the_quota_is_never_passed(app: TestApp, "[policy]\nquota_messages = 10") {
        for _ in 0..9 {
            app.store(Pager::new()).await;
        }
        let answers = join_all((0..40).map(|_| app.hand_over(Pager::new()))).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!(refused.assert_problem(507, "quota-exceeded")["sip_status"], 480);
        }
        assert_eq!(app.waiting("sip:alice@example.org").await, 10);
        // Other accounts are not concerned.
        app.store(Pager::new().to("sip:bob@example.org")).await;
        let list = app.get(&format!("{ALICE}/messages")).await.json();
        let id = list["items"][0]["id"].as_str().unwrap();
        app.delete(&format!("{ALICE}/messages/{id}")).await;
        app.store(Pager::new()).await;
    }

    async fn octets_count_against_the_quota(app: TestApp, "[policy]\nquota_bytes = 2000") {
        assert_eq!(app.hand_over(Pager::new().text(&"x".repeat(1500))).await.status, 201);
        app.hand_over(Pager::new().text(&"x".repeat(200))).await.assert_problem(507, "quota-exceeded");
        assert_eq!(app.waiting("sip:alice@example.org").await, 1);
    }

    async fn accounts_are_made_only_where_the_operator_wants_it(
        app: TestApp, "[policy]\nauto_create_accounts = false"
    ) {
        let answer = app.hand_over(Pager::new()).await;
        assert_eq!(answer.assert_problem(404, "not-served")["sip_status"], 404);
        app.add_user("alice", Role::User, &["sip:alice@example.org"]).await;
        app.store(Pager::new()).await;
    }
}
