//! The history checker: many work on few mailboxes at once, each answer is compared with a model of what may be, and
//! what is at rest in the end is compared with itself.
//!
//! `scripts/kill-test` is the long run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::IF_NONE_MATCH;
use restante::domain::audit::{Actor, ActorKind};
use restante::domain::message_id::MessageKey;
use serde_json::json;
use tokio::task::JoinSet;

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::chance::{Chance, times};
use crate::support::invariants::{self, Known, Site};
use crate::support::message::Pager;
use crate::support::model::{Document, Entry, Model, State};
use crate::support::rows::unsettled;

const WORKERS: usize = 16;
const ACCOUNTS: u64 = 4;
const QUOTA: usize = 60;
const SOMEBODY: Actor = Actor {
    kind: ActorKind::User,
    id: Some(7),
};

/// One of those who work.
struct Worker {
    app: Arc<TestApp>,
    model: Arc<Model>,
    chance: Chance,
}

impl Worker {
    fn aor(&mut self) -> String {
        format!("sip:user{}@example.org", self.chance.below(ACCOUNTS))
    }

    fn path(aor: &str, key: MessageKey) -> String {
        format!("/api/v1/accounts/{aor}/messages/{key}")
    }

    fn any(&mut self, fits: impl Fn(&Entry) -> bool) -> Option<MessageKey> {
        let book = self.model.book();
        let fitting = book.active.iter().filter(|(_, entry)| fits(entry));
        let keys: Vec<MessageKey> = fitting.map(|(key, _)| *key).collect();
        self.chance.pick(&keys).copied()
    }

    async fn store(&mut self) {
        let aor = self.aor();
        let asked = self.chance.percent(40);
        let mut message = Pager::new().to(&aor);
        if asked {
            let id = message.call_id.clone();
            message = message.asking(&id);
        }
        if self.chance.percent(60) {
            message = message.header("Expires", &(2 + self.chance.below(30)).to_string());
        }
        let raw = message.bytes();
        let answer = self.app.hand_over(raw.clone()).await;
        if answer.status == 507 {
            self.model.count("refused: full");
            let book = self.model.book();
            let own = |entry: &&Entry| entry.aor == aor;
            let most = book.active.values().filter(own).count() + WORKERS;
            assert!(most >= QUOTA, "full with {most} messages at most");
            return;
        }
        assert_eq!(answer.status, 201, "{}", answer.text());
        let answer = answer.json();
        let key = answer["id"].as_str().unwrap().parse().unwrap();
        let entry = Entry {
            aor,
            state: State::There,
            expires_at: answer["expires_at"].as_str().unwrap().parse().unwrap(),
            in_flight: 0,
            is_claimed: false,
            revision: 0,
            known: Known {
                asked,
                may_be_deleted: false,
                is_deleted: false,
            },
        };
        self.model.enter(key, entry, raw);
        self.model.count("stored");
    }

    /// The same request again has the same answer, also when its message is gone.
    async fn repeat(&mut self) {
        let Some(key) = self.any(|_| true) else {
            return;
        };
        let raw = self.model.book().raws[&key].clone();
        let answer = self.app.hand_over(raw).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["id"], key.to_string());
        self.model.count("repeated");
    }

    async fn delete(&mut self) {
        let Some(key) = self.any(|_| true) else {
            return;
        };
        let Some(begun) = self.model.begin(key, false) else {
            return;
        };
        self.model.may_be_deleted(key);
        let answer = self.app.delete(&Self::path(&begun.before.aor, key)).await;
        let succeeded = answer.status == 204;
        assert!(succeeded || answer.status == 404, "{}", answer.text());
        self.model.end(begun, succeeded, Entry::is_seen, |entry| {
            assert!(!entry.known.is_deleted, "{key} was deleted twice");
            entry.known.is_deleted = true;
            entry.state = State::Gone;
        });
        self.model.count(if succeeded {
            "deleted"
        } else {
            "not there to delete"
        });
    }

    async fn extend(&mut self) {
        let Some(key) = self.any(|entry| !entry.is_claimed) else {
            return;
        };
        let Some(begun) = self.model.begin(key, true) else {
            return;
        };
        let wanted = self.app.clock.now()
            + TimeDelta::milliseconds(1500 + self.chance.below(20_000).cast_signed());
        let request = self
            .app
            .request(Method::PATCH, &Self::path(&begun.before.aor, key));
        let request = request
            .bearer_auth(&self.app.operator)
            .json(&json!({"expires_at": wanted}));
        let answer = self.app.send(request).await;
        // Its instant had passed when it came to its turn.
        if answer.status == 400 {
            assert!(wanted <= self.app.clock.now(), "{}", answer.text());
        } else {
            assert!(
                answer.status == 200 || answer.status == 404,
                "{}",
                answer.text()
            );
        }
        let was_late = answer.status == 400;
        let expected =
            |entry: &Entry, from, until| entry.is_seen(from, until).filter(|_| !was_late);
        self.model
            .end(begun, answer.status == 200, expected, |entry| {
                entry.expires_at = wanted;
            });
        self.model.count("extended or not");
    }

    async fn hold(&mut self) {
        let Some(key) = self.any(|entry| !entry.is_claimed) else {
            return;
        };
        let Some(begun) = self.model.begin(key, true) else {
            return;
        };
        self.model.may_be_deleted(key);
        let held = self
            .app
            .mailbox
            .hold(key.account_id, &[key.number], SOMEBODY)
            .await
            .unwrap();
        self.model.end(
            begun,
            held.numbers == [key.number],
            Entry::is_seen,
            |entry| {
                if entry.state != State::Gone {
                    entry.state = State::Held(held.until);
                }
            },
        );
        self.model.count("held or not");
    }

    async fn release(&mut self) {
        let is_held = |entry: &Entry| !entry.is_claimed && matches!(entry.state, State::Held(_));
        let Some(key) = self.any(is_held) else { return };
        let Some(begun) = self.model.begin(key, true) else {
            return;
        };
        let released = self
            .app
            .mailbox
            .release(key.account_id, &[key.number], SOMEBODY)
            .await
            .unwrap();
        let expected = |entry: &Entry, from, until| match entry.state {
            State::Held(end) if end.min(entry.expires_at) > until => Some(true),
            State::Held(end) => (end.min(entry.expires_at) <= from).then_some(false),
            State::There | State::Gone => Some(false),
        };
        let succeeded = released == [key.number];
        self.model.end(begun, succeeded, expected, |entry| {
            if entry.state != State::Gone {
                entry.state = State::There;
            }
        });
        self.model.count(if succeeded {
            "released"
        } else {
            "too late to release"
        });
    }

    async fn read(&mut self) {
        let Some(key) = self.any(|_| true) else {
            return;
        };
        let asked = self.model.ask(|other, _| *other == key);
        let Some(aor) = asked.before.get(&key).map(|entry| entry.aor.clone()) else {
            return;
        };
        let answer = self.app.get(&Self::path(&aor, key)).await;
        assert!(
            answer.status == 200 || answer.status == 404,
            "{}",
            answer.text()
        );
        let seen = (answer.status == 200).then_some(key);
        self.model
            .judge(&asked, &seen.into_iter().collect(), "read");
        self.model.count("read");
    }

    async fn list(&mut self) {
        let aor = self.aor();
        let asked = self.model.ask(|_, entry| entry.aor == aor);
        let answer = self
            .app
            .get(&format!("/api/v1/accounts/{aor}/messages?limit=500"))
            .await;
        if answer.status == 404 && asked.before.is_empty() {
            return;
        }
        let items = answer.json()["items"].clone();
        let keys = items
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().parse().unwrap());
        let keys: Vec<MessageKey> = keys.collect();
        assert!(keys.is_sorted_by(|one, next| one > next), "{keys:?}");
        self.model
            .judge(&asked, &keys.into_iter().collect(), "listed");
        self.model.count("listed");
    }

    async fn document(&mut self) {
        let aor = self.aor();
        let latest = self.model.book().latest.get(&aor).cloned();
        let latest = latest.filter(|_| self.chance.percent(50));
        let asked = self.model.ask(|_, entry| entry.aor == aor);
        let path =
            format!("/xcap-root/org.openmobilealliance.deferred-list/users/{aor}/deferred-list");
        let mut request = self.app.as_operator(self.app.request(Method::GET, &path));
        if let Some(latest) = &latest {
            request = request.header(IF_NONE_MATCH, &latest.etag);
        }
        let answer = self.app.send(request).await;
        let document = match answer.status.as_u16() {
            404 if asked.before.is_empty() => return,
            304 => latest.unwrap(),
            status => {
                assert_eq!(status, 200, "{}", answer.text());
                Document {
                    etag: answer.header("etag").to_owned(),
                    text: answer.text(),
                }
            }
        };
        let xml = roxmltree::Document::parse(&document.text).unwrap();
        let references = xml
            .root_element()
            .children()
            .filter_map(|child| child.attribute("history-reference"));
        let keys: Vec<MessageKey> = references
            .map(|reference| reference.parse().unwrap())
            .collect();
        assert!(keys.is_sorted_by(|one, next| one < next), "{keys:?}");
        self.model.judge(
            &asked,
            &keys.into_iter().collect(),
            if answer.status == 304 {
                "in the unchanged document"
            } else {
                "in the document"
            },
        );
        self.model.remember(aor, document);
        self.model.count(if answer.status == 304 {
            "document unchanged"
        } else {
            "document read"
        });
    }

    /// Time goes by, and a sweep with it. What is over by then is set aside.
    async fn sweep(&mut self) {
        self.app.clock.advance(TimeDelta::milliseconds(
            self.chance.below(1500).cast_signed(),
        ));
        self.app.mailbox.expire().await.unwrap();
        self.model.set_aside();
        self.model.count("swept");
    }

    async fn work(mut self, left: Arc<AtomicUsize>) {
        let take = |left: usize| left.checked_sub(1);
        while left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_ok()
        {
            match self.chance.below(100) {
                0..30 => self.store().await,
                30..42 => self.delete().await,
                42..50 => self.extend().await,
                50..60 => self.hold().await,
                60..68 => self.release().await,
                68..76 => self.read().await,
                76..84 => self.list().await,
                84..94 => self.document().await,
                94..97 => self.repeat().await,
                _ => self.sweep().await,
            }
        }
    }
}

/// Nothing is out of sight any more, and nothing is about to expire.
async fn settle(app: &TestApp) {
    let db = app.mailbox.db.read();
    while unsettled(db, app.clock.now() + TimeDelta::minutes(1)).await > 0 {
        app.clock.advance(TimeDelta::seconds(5));
        app.mailbox.expire().await.unwrap();
    }
}

on_both_databases! {
    async fn every_answer_is_one_that_may_be(app: TestApp, "[policy]\nquota_messages = 60\nundo_grace = '2s'\nsweep_interval = '200ms'") {
        let operations = times("RESTANTE_TEST_OPERATIONS", 2000);
        let mut chance = Chance::of_this_run("history");
        let model = Arc::new(Model::new(app.clock.clone()));
        let app = Arc::new(app);
        let left = Arc::new(AtomicUsize::new(operations));
        let mut workers = JoinSet::new();
        for _ in 0..WORKERS {
            let worker = Worker { app: Arc::clone(&app), model: Arc::clone(&model), chance: chance.split() };
            workers.spawn(worker.work(Arc::clone(&left)));
        }
        while let Some(ended) = workers.join_next().await {
            ended.unwrap();
        }
        settle(&app).await;
        let book = std::mem::take(&mut *model.book());
        let pairs = book.check_documents();
        let known = book.known();
        let site = Site { db: app.mailbox.db.read(), client: &app.client, url: &app.url, operator: &app.operator };
        let counts = invariants::check(&site, &known).await;
        println!("{operations} operations: {:?}; {pairs} successive versions of documents; {counts}", book.counts);
        assert!(pairs > 0 && book.counts["released"] > 0 && book.counts["deleted"] > 0);
    }

    async fn two_hundred_writers_get_the_one_place_there_is(app: TestApp, "[policy]\nquota_messages = 10") {
        for _ in 0..9 {
            app.store(Pager::new()).await;
        }
        let answers = join_all((0..200).map(|_| app.hand_over(Pager::new()))).await;
        let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
        assert_eq!((count(201), count(507)), (1, 199));
        assert_eq!(app.waiting("sip:alice@example.org").await, 10);
    }
}
