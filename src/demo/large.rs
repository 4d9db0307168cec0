//! A sample large message, as if its session had just ended.

use std::fmt::Write as _;

use anyhow::Context as _;
use bytes::Bytes;
use chrono::TimeDelta;

use super::ALICE;
use crate::clock::Clock;
use crate::domain::access::Scope;
use crate::identity::secret;
use crate::inbound::handed_over::Pieces;
use crate::inbound::large_message;
use crate::inbound::pager::HandOver;
use crate::mailbox::Mailbox;
use crate::sip::date;

/// How long ago it came.
pub(super) const AGE: TimeDelta = TimeDelta::hours(7);
/// Lines of the sample, which make it too large for the database.
const LINES: usize = 12_000;

/// Stores the sample.
pub(super) async fn store(mailbox: &Mailbox) -> anyhow::Result<()> {
    let clock = Clock::default();
    clock.advance(-AGE);
    let mailbox = &mailbox.at(clock);
    let unique = secret::link()?;
    let call: String = unique
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(12)
        .collect();
    let sent = date::format(mailbox.clock.now());
    let dialog = |method: &str, tag: &str| {
        format!(
            "From: \"Erin Okafor\" <sip:erin@example.net>;tag=e1\r\nTo: <{ALICE}>{tag}\r\n\
             Call-ID: {call}@example.net\r\nCSeq: 1 {method}\r\n"
        )
    };
    let mut pieces = Pieces::new(mailbox);
    pieces.invite(Bytes::from(format!(
        "INVITE {ALICE} SIP/2.0\r\nVia: SIP/2.0/TCP proxy.example.net;branch=z9hG4bKi{call}\r\nMax-Forwards: 69\r\n\
         {}Date: {sent}\r\nSubject: Log of the night\r\nP-Asserted-Identity: <sip:erin@example.net>\r\n\
         Accept-Contact: *;+g.oma.sip-im.large-message\r\nContact: <sip:erin@192.0.2.7>\r\nContent-Length: 0\r\n\r\n",
        dialog("INVITE", "")
    )))?;
    pieces.ok(Bytes::from(format!(
        "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP proxy.example.net;branch=z9hG4bKi{call}\r\n{}Date: {sent}\r\n\
         Contact: <sip:{host}>\r\nContent-Length: 0\r\n\r\n",
        dialog("INVITE", ";tag=r1"),
        host = mailbox.hostname,
    )))?;
    let mut log = String::new();
    for line in 1..=LINES {
        // Writing to a String does not fail.
        let _ = write!(
            log,
            "{line:05} pump {} runs, {} bar\r\n",
            line % 3 + 1,
            line % 7 + 2
        );
    }
    let chunk = format!(
        "MSRP {call} SEND\r\nTo-Path: msrp://{}:2855/s1;tcp\r\nFrom-Path: msrp://192.0.2.7:7654/e1;tcp\r\n\
         Message-ID: {call}\r\nByte-Range: 1-{len}/{len}\r\nSuccess-Report: yes\r\n\
         Content-Disposition: attachment; filename=\"pumps.log\"\r\nContent-Type: text/plain\r\n\r\n\
         {log}\r\n-------{call}$\r\n",
        mailbox.hostname,
        len = log.len(),
    );
    pieces.send(chunk.as_bytes()).await?;
    pieces.bye(Bytes::from(format!(
        "BYE sip:{} SIP/2.0\r\nVia: SIP/2.0/TCP proxy.example.net;branch=z9hG4bKb{call}\r\nMax-Forwards: 69\r\n{}\
         Content-Length: 0\r\n\r\n",
        mailbox.hostname,
        dialog("BYE", ";tag=r1").replace("CSeq: 1", "CSeq: 2"),
    )))?;
    let hand_over = HandOver {
        aor: Some(ALICE),
        scope: &Scope::All,
        domains: &[],
        trusted: true,
    };
    let large = pieces.message(mailbox, hand_over)??;
    large_message::accept(mailbox, large)
        .await
        .context("cannot store the sample large message")?;
    Ok(())
}
