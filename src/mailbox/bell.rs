//! Wakes those who wait for something: for delivery reports to send, or for news.

use std::sync::Arc;

use tokio::sync::watch;

/// A bell that everybody who waits hears.
#[derive(Debug, Clone)]
pub struct Bell(Arc<watch::Sender<Signal>>);

/// What listeners look at.
#[derive(Debug, Clone, Copy, Default)]
struct Signal {
    /// Counts on with each ring.
    rings: u64,
    /// The server stops: nobody waits any more.
    closed: bool,
}

impl Default for Bell {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Signal::default())))
    }
}

impl Bell {
    /// Wakes everybody who waits.
    pub fn ring(&self) {
        self.0
            .send_modify(|signal| signal.rings = signal.rings.wrapping_add(1));
    }

    /// Wakes everybody, for good: whoever waits later does not wait.
    pub fn close(&self) {
        self.0.send_modify(|signal| signal.closed = true);
    }

    /// How many wait.
    #[must_use]
    pub fn listeners(&self) -> usize {
        self.0.receiver_count()
    }

    /// Somebody who hears every ring from now on.
    #[must_use]
    pub fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

/// Somebody who waits for the bell.
#[derive(Debug)]
pub struct Listener(watch::Receiver<Signal>);

impl Listener {
    /// Whether waiting is over for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.borrow().closed
    }

    /// Waits for a ring since the last time, or since listening began.
    pub async fn heard(&mut self) {
        // An error means that the bell is gone, which nobody waits for.
        let _ = self.0.changed().await;
    }
}
