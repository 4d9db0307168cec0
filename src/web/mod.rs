//! Everything HTTP: the REST API, the gateway, XCAP and the browser UI, on one listener.

pub mod auth;
mod client;
mod conditions;
mod cors;
mod cursor;
mod download;
mod extract;
mod forwarded;
pub mod gateway;
mod health;
mod idempotency;
mod letter;
mod limits;
pub mod openapi;
pub mod problem;
mod range;
mod rates;
pub mod rest;
mod router;
mod server;
mod shape;
mod state;
mod throttle;
pub mod ui;
mod xcap;

pub use cursor::CursorKey;
pub use rates::Rates;
pub use router::router;
pub use server::Server;
pub use state::{AppState, Demo};
pub use throttle::Throttle;
