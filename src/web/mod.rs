//! Everything HTTP: the REST API, the gateway, XCAP and the browser UI, on one listener.

pub mod auth;
mod cursor;
mod download;
mod extract;
pub mod gateway;
mod health;
mod letter;
mod limits;
pub mod openapi;
pub mod problem;
mod range;
pub mod rest;
mod router;
mod search;
mod state;
pub mod ui;
mod xcap;

pub use cursor::CursorKey;
pub use router::router;
pub use state::{AppState, Demo, Throttle};
