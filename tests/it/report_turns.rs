//! Whose turn it is with a delivery report, and which report's turn it is.

use chrono::TimeDelta;
use restante::mailbox::outbox::{Attempt, Failure};
use serde_json::{Value, json};

use crate::on_both_databases;
use crate::reports::{answer, listed, pull, store_and_delete};
use crate::support::TestApp;
use crate::support::message::Pager;

on_both_databases! {
    /// Two connectors: what the first one says of an attempt that is over does not end that of the second.
    async fn a_late_nack_is_not_anothers(app: TestApp) {
        store_and_delete(&app, Pager::new().asking("m1")).await;
        let first = pull(&app).await.remove(0);
        app.clock.advance(TimeDelta::seconds(61));
        let second = pull(&app).await.remove(0);
        assert_eq!((&first["attempts"], &second["attempts"]), (&json!(1), &json!(2)));
        let gone = json!({ "attempts": first["attempts"], "permanent": true, "error": "410 Gone" });
        answer(&app, &first, "nack", Some(gone)).await.assert_problem(409, "report-state");
        // The same by SIP.
        let late = Attempt {
            id: first["id"].as_str().unwrap().parse().unwrap(),
            number: 1,
            sender_key: "sip:carol@example.org sip:carol@example.org".into(),
            failure: Some(Failure { is_final: true, ..Failure::default() }),
            chance: 0,
        };
        app.mailbox.settle_reports(&[late], None).await.unwrap();
        let row = listed(&app, "").await.remove(0);
        assert_eq!((&row["state"], &row["last_error"]), (&json!("leased"), &Value::Null));
        assert_eq!(answer(&app, &second, "nack", Some(json!({ "attempts": 2 }))).await.status, 204);
        app.clock.advance(TimeDelta::seconds(30));
        let third = pull(&app).await.remove(0);
        // Connectors that do not say which attempt they mean go on working.
        assert_eq!(answer(&app, &third, "nack", None).await.status, 204);
        assert_eq!(listed(&app, "").await[0]["state"], "pending");
    }

    /// Anybody may write Carol's address into From, with a way that leads nowhere.
    async fn a_way_that_leads_nowhere_holds_up_no_other(app: TestApp) {
        let lines = "From: Carol <im:carol@example.org>\r\nTo: <sip:alice@example.org>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
            imdn.Message-ID: m1\r\nimdn.Disposition-Notification: negative-delivery\r\n\
            imdn.IMDN-Record-Route: <sip:nowhere.example.net>\r\n";
        store_and_delete(&app, Pager::new().enveloped(lines)).await;
        store_and_delete(&app, Pager::new().enveloped(lines)).await;
        store_and_delete(&app, Pager::new().asking("m2")).await;
        let targets = |reports: &[Value]| reports.iter().map(|report| report["to"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
        let first = pull(&app).await;
        assert_eq!(targets(&first), ["sip:nowhere.example.net", "sip:carol@example.org"]);
        assert_eq!(answer(&app, &first[0], "nack", None).await.status, 204);
        store_and_delete(&app, Pager::new().asking("m3")).await;
        assert_eq!(answer(&app, &first[1], "ack", None).await.status, 204);
        assert_eq!(targets(&pull(&app).await), ["sip:carol@example.org"]);
    }
}
