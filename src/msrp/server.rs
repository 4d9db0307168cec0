//! MSRP connections (RFC 4975 section 5.4): frames come in and go to the session that the To-Path of each names.
//! A connection may carry several sessions; a session is carried by one connection.
//!
//! Whoever takes part in a session opens it with [`Sessions::open`] and gets what comes for it. A reader that
//! falls behind holds up its connection, so that no content piles up.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::msrp::code::Code;
use crate::msrp::frame::Head;
use crate::msrp::stream::{Decoder, Event};
use crate::msrp::write::{refuse, refuse_bad};
use crate::sip::transport::stream::{Stream, close, write_all};

/// Events that wait for one session; each holds as much content as is read at once.
const EVENTS_WAITING: usize = 8;
/// What waits to be written to one connection.
const WRITES_WAITING: usize = 256;
/// Octets read at once.
const READ_AT_ONCE: usize = 32 * 1024;

/// The sessions that there are, by the session part of our URI.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    open: Arc<Mutex<HashMap<String, Entry>>>,
    connections: Arc<AtomicU64>,
}

#[derive(Debug)]
struct Entry {
    incoming: mpsc::Sender<Incoming>,
    /// The connection that carries it.
    connection: Option<u64>,
}

/// What comes for a session.
#[derive(Debug)]
pub enum Incoming {
    /// A connection carries it from now on; what is given here is written to it.
    Bound(mpsc::Sender<Bytes>),
    /// A part of a frame.
    Event(Event),
    /// Its connection is gone.
    Lost,
}

/// A session that is open until this is dropped.
#[derive(Debug)]
pub struct Seat {
    session_id: String,
    sessions: Sessions,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.session_id);
    }
}

impl Sessions {
    /// Opens a session; what comes for it comes out of the receiver.
    #[must_use]
    pub fn open(&self, session_id: &str) -> (Seat, mpsc::Receiver<Incoming>) {
        let (incoming, events) = mpsc::channel(EVENTS_WAITING);
        let entry = Entry {
            incoming,
            connection: None,
        };
        self.lock().insert(session_id.to_owned(), entry);
        let seat = Seat {
            session_id: session_id.to_owned(),
            sessions: self.clone(),
        };
        (seat, events)
    }

    /// Serves a connection that somebody has opened to us, until either side ends it or nothing comes for
    /// `patience`.
    pub async fn serve(self, stream: Stream, patience: Duration) {
        Connection::new(self).run(stream, None, patience).await;
    }

    /// Serves a connection that we have opened for a session.
    pub async fn serve_own(self, stream: Stream, session_id: &str, patience: Duration) {
        let connection = Connection::new(self);
        connection.run(stream, Some(session_id), patience).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Entry>> {
        // Nothing panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Connection {
    sessions: Sessions,
    id: u64,
    /// The sessions that this connection carries.
    carried: HashMap<String, mpsc::Sender<Incoming>>,
    /// Whose frame is being received.
    current: Option<mpsc::Sender<Incoming>>,
}

impl Connection {
    fn new(sessions: Sessions) -> Self {
        let id = sessions.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            sessions,
            id,
            carried: HashMap::new(),
            current: None,
        }
    }

    async fn run(mut self, stream: Stream, own: Option<&str>, patience: Duration) {
        let (mut read, write) = tokio::io::split(stream);
        let (writer, waiting) = mpsc::channel(WRITES_WAITING);
        let sending = tokio::spawn(write_all(write, waiting, patience));
        let mut only = None;
        if let Some(session_id) = own {
            // A session that is over has nobody who waits for it.
            only = self.seat(session_id, &writer).await.ok();
        }
        let mut decoder = Decoder::new();
        let mut buffer = BytesMut::with_capacity(READ_AT_ONCE);
        'reading: loop {
            for event in decoder.by_ref() {
                match event {
                    Ok(event) => self.pass_on(event, &writer).await,
                    Err(error) => {
                        tracing::debug!("an MSRP connection cannot be read on: {error}");
                        break 'reading;
                    }
                }
            }
            buffer.clear();
            buffer.reserve(READ_AT_ONCE);
            // What we opened for a session we close when it is over.
            let over = async {
                match &only {
                    Some(session) => session.closed().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                octets = timeout(patience, read.read_buf(&mut buffer)) => match octets {
                    Ok(Ok(octets)) if octets > 0 => decoder.push(&buffer),
                    _ => break,
                },
                () = over => break,
            }
        }
        self.current = None;
        for (_, session) in self.carried.drain() {
            // A session that is over does not care.
            let _ = session.send(Incoming::Lost).await;
        }
        drop(writer);
        close(sending, patience).await;
    }

    async fn pass_on(&mut self, event: Event, writer: &mpsc::Sender<Bytes>) {
        match &event {
            Event::Head(head) => match self.find(head, writer).await {
                Ok(session) => self.current = Some(session),
                Err(code) => {
                    self.current = None;
                    if let Some(answer) = refuse(head, code) {
                        let _ = writer.send(answer).await;
                    }
                    return;
                }
            },
            Event::BadHead(bad) => {
                self.current = None;
                if let Some(answer) = refuse_bad(bad) {
                    let _ = writer.send(answer).await;
                }
                return;
            }
            Event::Body(_) | Event::End(_) => {}
        }
        if let Some(session) = &self.current
            && session.send(Incoming::Event(event)).await.is_err()
        {
            // It ended in the midst of a frame: the rest is nobody's.
            self.current = None;
        }
    }

    /// The session that a frame is for.
    async fn find(
        &mut self,
        head: &Head,
        writer: &mpsc::Sender<Bytes>,
    ) -> Result<mpsc::Sender<Incoming>, Code> {
        let session_id = head.to_path.first().session_id().ok_or(Code::NoSession)?;
        self.seat(session_id, writer).await
    }

    /// The session of this id, carried by this connection.
    async fn seat(
        &mut self,
        session_id: &str,
        writer: &mpsc::Sender<Bytes>,
    ) -> Result<mpsc::Sender<Incoming>, Code> {
        let session = {
            let mut open = self.sessions.lock();
            let entry = open.get_mut(session_id).ok_or(Code::NoSession)?;
            match entry.connection {
                Some(id) if id != self.id => return Err(Code::BoundElsewhere),
                _ => entry.connection = Some(self.id),
            }
            entry.incoming.clone()
        };
        if !self.carried.contains_key(session_id) {
            // A connection may live long and carry many.
            self.carried.retain(|_, session| !session.is_closed());
            self.carried.insert(session_id.to_owned(), session.clone());
            let bound = session.send(Incoming::Bound(writer.clone())).await;
            bound.map_err(|_| Code::NoSession)?;
        }
        Ok(session)
    }
}
