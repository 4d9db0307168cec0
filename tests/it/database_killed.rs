//! `PostgreSQL` is killed under load and comes back: nothing that was acknowledged is lost, whoever asks meanwhile is
//! told to come again, and Restante goes on by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use restante::domain::message_id::MessageKey;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::support::chance::times;
use crate::support::invariants::{self, Known, Site};
use crate::support::message::Pager;
use crate::support::postgres::Cluster;
use crate::support::{Answer, Backend, TestApp};

const WORKERS: usize = 8;
const PATIENCE: Duration = Duration::from_mins(1);
/// How soon the server goes on when the database is there again.
const BACK_WITHIN: Duration = Duration::from_secs(5);

/// What those who hand over were told.
#[derive(Default)]
struct Told {
    stored: Mutex<HashMap<MessageKey, Known>>,
    acknowledged: watch::Sender<usize>,
    refused: watch::Sender<usize>,
    longest: Mutex<Duration>,
}

/// Whether it is an answer of somebody whose database is away.
fn assert_refusal(answer: &Answer) {
    answer.assert_problem(503, "storage-unavailable");
    let seconds: u32 = answer.header("retry-after").parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

/// Hands over one message after the other, each until it is stored.
async fn work(app: Arc<TestApp>, told: Arc<Told>, user: usize, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let message = Pager::new().to(&format!("sip:user{user}@example.org"));
        loop {
            let since = Instant::now();
            let answer = app.hand_over(message.clone()).await;
            {
                let mut longest = told.longest.lock().unwrap();
                *longest = since.elapsed().max(*longest);
            }
            if answer.status == 503 {
                assert_refusal(&answer);
                told.refused.send_modify(|count| *count += 1);
                // Much sooner than it was told to.
                sleep(Duration::from_millis(20)).await;
                continue;
            }
            assert!(
                matches!(answer.status.as_u16(), 200 | 201),
                "{}",
                answer.text()
            );
            let key = answer.json()["id"].as_str().unwrap().parse().unwrap();
            let known = Known {
                asked: false,
                may_be_deleted: false,
                is_deleted: false,
            };
            let other = told.stored.lock().unwrap().insert(key, known);
            assert!(other.is_none(), "{key} was given out twice");
            told.acknowledged.send_modify(|count| *count += 1);
            break;
        }
    }
}

/// Waits until it is so many more.
async fn more(count: &watch::Sender<usize>, more: usize) {
    let goal = *count.borrow() + more;
    let mut count = count.subscribe();
    let reached = timeout(PATIENCE, count.wait_for(|count| *count >= goal)).await;
    reached.expect("it goes on").unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_database_is_killed_and_comes_back() {
    let cluster = Cluster::start().await;
    let config = format!(
        "[database]\nurl = '{}'\n[policy]\nquota_messages = 1000000\nsweep_interval = '100ms'\n",
        cluster.url()
    );
    // The database is in the configuration already.
    let app = Arc::new(TestApp::start(Backend::Sqlite, &config).await);
    let told = Arc::new(Told::default());
    let (stop, stopped) = watch::channel(false);
    let mut workers = JoinSet::new();
    for user in 0..WORKERS {
        workers.spawn(work(
            Arc::clone(&app),
            Arc::clone(&told),
            user,
            stopped.clone(),
        ));
    }
    let mut slowest = Duration::ZERO;
    let kills = times("RESTANTE_TEST_DATABASE_KILLS", 1);
    for _ in 0..kills {
        more(&told.acknowledged, 100).await;
        cluster.kill();
        more(&told.refused, 1).await;
        assert_refusal(&app.get("/readyz").await);
        assert_refusal(
            &app.get("/api/v1/accounts/sip:user0@example.org/messages")
                .await,
        );
        assert_eq!(app.get("/healthz").await.status, 200);
        cluster.restart().await;
        let back = Instant::now();
        more(&told.acknowledged, 1).await;
        slowest = slowest.max(back.elapsed());
        assert_eq!(app.get("/readyz").await.status, 200);
    }
    stop.send_replace(true);
    while let Some(ended) = workers.join_next().await {
        ended.unwrap();
    }
    let known = told.stored.lock().unwrap().clone();
    let site = Site {
        db: app.mailbox.db.read(),
        client: &app.client,
        url: &app.url,
        operator: &app.operator,
    };
    let counts = invariants::check(&site, &known).await;
    println!(
        "{kills} kills of PostgreSQL: {counts}, {} answered 503, the slowest answer after {:?}, back {slowest:?} after it",
        *told.refused.borrow(),
        told.longest.lock().unwrap()
    );
    assert!(slowest < BACK_WITHIN, "{slowest:?}");
}
