//! A bucket that takes objects and then answers nobody any more: whoever reads, deletes or expires messages does not wait
//! for it, and no report is lost.

use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, Method, StatusCode};
use chrono::TimeDelta;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use crate::support::large::Large;
use crate::support::message::Pager;
use crate::support::rows::unsettled;
use crate::support::{Backend, TestApp};
use crate::with_both_databases;

const ALICE: &str = "/api/v1/accounts/sip:alice@example.org";
/// Longer than what does not wait takes on a busy machine, and shorter than the patience of a client of a bucket.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A server whose objects go to a bucket that answers PUT and nothing else.
async fn start(backend: Backend, policy: &str) -> TestApp {
    // As the program does.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let bucket = Router::new().fallback(|method: Method| async move {
        if method != Method::PUT {
            std::future::pending::<()>().await;
        }
        let headers = HeaderMap::from_iter([(axum::http::header::ETAG, "\"1\"".parse().unwrap())]);
        (StatusCode::OK, headers)
    });
    tokio::spawn(async { axum::serve(listener, bucket).await });
    let toml = format!(
        "[policy]\n{policy}\n[objects]\nurl = 's3://messages'\nendpoint = 'http://{address}'\nregion = 'here'\n\
         access_key = 'id'\nsecret_key = 'key'\ninline_bytes = 10\n"
    );
    TestApp::start(backend, &toml).await
}

/// A large message that asks to be told.
fn asking(message_id: &str) -> Large {
    let cpim = format!(
        "From: <sip:carol@example.org>\r\nTo: <sip:alice@example.org>\r\nNS: imdn <urn:ietf:params:imdn>\r\n\
         imdn.Message-ID: {message_id}\r\nimdn.Disposition-Notification: negative-delivery\r\n\r\n\
         Content-Type: text/plain\r\n\r\nThe north gate.{}",
        " x".repeat(1000)
    );
    Large::new().content("message/cpim", cpim)
}

/// The reports that there are, by why.
async fn reasons(app: &TestApp) -> Vec<Value> {
    let answer = app.get("/api/v1/reports").await;
    let items = answer.json()["items"].as_array().unwrap().clone();
    items
        .iter()
        .map(|report| report["reason"].clone())
        .collect()
}

with_both_databases! {
    async fn nobody_waits_for_it_and_senders_are_told(backend: Backend) {
        let app = start(backend, "sweep_interval = '1h'").await;
        let deleted = app.store_large(asking("m1")).await;
        for n in 0..20 {
            app.store_large(asking(&format!("e{n}"))).await;
        }
        let answer = timeout(AT_ONCE, app.delete(&format!("{ALICE}/messages/{deleted}"))).await;
        assert_eq!(answer.expect("deletion does not wait").status, 204);
        assert_eq!(reasons(&app).await, ["requested"]);
        app.clock.advance(TimeDelta::days(400));
        let waiting = timeout(AT_ONCE, app.waiting("sip:alice@example.org")).await;
        assert_eq!(waiting.expect("a reader does not wait"), 0);
        let told = reasons(&app).await;
        assert_eq!(told.iter().filter(|reason| *reason == "expired").count(), 20, "{told:?}");
    }

    /// The list of all objects, which is asked for when the server starts, never comes.
    async fn expiry_goes_on_while_objects_are_looked_for(backend: Backend) {
        let app = start(backend, "sweep_interval = '100ms'").await;
        app.store(Pager::new()).await;
        app.clock.advance(TimeDelta::days(400));
        let until = Instant::now() + AT_ONCE;
        while unsettled(app.mailbox.db.read(), app.clock.now()).await > 0 {
            assert!(Instant::now() < until, "the sweep is held up");
            sleep(Duration::from_millis(50)).await;
        }
    }
}
