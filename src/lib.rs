//! Restante, a deferred-message server for SIP messaging: the Deferred Messaging Function of
//! OMA SIMPLE IM, its message store and its IM XDMS, in one program.
//!
//! | module | what is in it |
//! | --- | --- |
//! | [`domain`] | the rules, without input or output: addresses, Message-IDs, expiry, access |
//! | [`sip`], [`msrp`], [`mime`], [`xcap`] | toolboxes: bytes in, values out, no sockets |
//! | [`inbound`] | what comes in from the SIP network, read and checked |
//! | [`mailbox`] | the procedures: store, read, delete, expire, each one transaction |
//! | [`store`] | the database; the only module that knows sea-orm |
//! | [`outbound`] | what happens by itself: the sweep |
//! | [`identity`] | people, tokens, passwords |
//! | [`web`] | HTTP: gateway, REST, XCAP, browser UI |
//! | [`app`], [`cli`], [`config`], [`demo`] | putting it together |
//!
//! `ARCHITECTURE.md` walks a message through them.

#[path = "../migrations/mod.rs"]
mod migrations;

pub mod app;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod domain;
pub mod identity;
pub mod inbound;
pub mod mailbox;
pub mod mime;
pub mod msrp;
pub mod outbound;
pub mod rate;
pub mod sip;
pub mod store;
pub mod telemetry;
pub mod web;
pub mod xcap;
