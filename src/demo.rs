//! Sample accounts and messages for `restante demo`, handed over just as a gateway would.

use anyhow::Context;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};

use crate::clock::Clock;
use crate::domain::access::Scope;
use crate::domain::address::Aor;
use crate::identity::secret;
use crate::inbound::pager::{self, HandOver};
use crate::mailbox::Mailbox;
use crate::sip::date;
use crate::sip::write::MessageWriter;
use crate::store::accounts;

mod large;

/// The first sample account.
pub const ALICE: &str = "sip:alice@example.org";
const BOB: &str = "sip:bob@example.org";
const DANA: &str = "sip:dana@example.org";

/// A small picture, drawn for this purpose.
const POSTCARD: &[u8] = include_bytes!("demo/postcard.png");

/// A sample message.
struct Sample {
    to: &'static str,
    from: &'static str,
    /// How long ago it was sent.
    age: TimeDelta,
    /// Header fields beyond those every message has.
    headers: &'static [(&'static str, &'static str)],
    content_type: &'static str,
    body: Vec<u8>,
}

/// Makes the sample accounts and stores the sample messages.
///
/// # Errors
/// When the database fails.
pub async fn fill(mailbox: &Mailbox) -> anyhow::Result<()> {
    let tx = mailbox.db.write().await?;
    for (aor, name) in [
        (ALICE, "Alice Martin"),
        (BOB, "Bob Strong"),
        (DANA, "דנה לוי"),
    ] {
        let now = mailbox.clock.now();
        accounts::ensure(&tx, &aor.parse()?, Some(name), &mailbox.hostname, now).await?;
    }
    tx.commit().await?;
    let mut samples = samples();
    samples.sort_by_key(|sample| std::cmp::Reverse(sample.age));
    // Numbers grow in the order in which messages come.
    let (before, after) = samples.split_at(samples.partition_point(|s| s.age > large::AGE));
    for sample in before {
        store(mailbox, sample).await?;
    }
    large::store(mailbox).await?;
    for sample in after {
        store(mailbox, sample).await?;
    }
    Ok(())
}

/// Stores one more message for `aor`, as the button of the demo does.
///
/// # Errors
/// When the account is full or the database fails.
pub async fn test_message(mailbox: &Mailbox, aor: &Aor) -> anyhow::Result<()> {
    let sample = Sample {
        to: ALICE,
        from: "\"Carol Jensen\" <sip:carol@example.org>",
        age: TimeDelta::zero(),
        headers: &[("Subject", "Test message")],
        content_type: TEXT,
        body: "This message was sent by the button of the demo.".into(),
    };
    hand_over(
        mailbox,
        aor.as_str(),
        request(&sample, aor.as_str(), mailbox.clock.now())?,
    )
    .await
}

/// Stores a sample as if it had come when it was sent.
async fn store(mailbox: &Mailbox, sample: &Sample) -> anyhow::Result<()> {
    let clock = Clock::default();
    clock.advance(-sample.age);
    let then = mailbox.at(clock);
    hand_over(
        &then,
        sample.to,
        request(sample, sample.to, then.clock.now())?,
    )
    .await
}

async fn hand_over(mailbox: &Mailbox, to: &str, raw: Bytes) -> anyhow::Result<()> {
    let hand_over = HandOver {
        aor: Some(to),
        scope: &Scope::All,
        domains: &[],
        trusted: true,
    };
    pager::receive(mailbox, raw, hand_over)
        .await
        .context("cannot store a sample message")?;
    Ok(())
}

fn request(sample: &Sample, to: &str, now: DateTime<Utc>) -> anyhow::Result<Bytes> {
    let unique = secret::link()?;
    let mut writer = MessageWriter::request("MESSAGE", to)?
        .header(
            "Via",
            format!("SIP/2.0/TCP proxy.example.org;branch=z9hG4bK{unique}"),
        )?
        .header("Max-Forwards", "69")?
        .header(
            "From",
            format!(
                "{};tag={}",
                sample.from,
                unique.chars().take(8).collect::<String>()
            ),
        )?
        .header("To", format!("<{to}>"))?
        .header("Call-ID", format!("{unique}@example.org"))?
        .header("CSeq", "1 MESSAGE")?
        .header("Date", date::format(now))?;
    for (name, value) in sample.headers {
        writer = writer.header(name, value)?;
    }
    if !sample.content_type.is_empty() {
        writer = writer.header("Content-Type", sample.content_type)?;
    }
    Ok(writer.finish(&sample.body))
}

const TEXT: &str = "text/plain;charset=UTF-8";

/// A dozen messages and some, as different as what arrives in the field.
fn samples() -> Vec<Sample> {
    let mut samples = texts();
    samples.extend(structured());
    samples
}

fn text(
    to: &'static str,
    from: &'static str,
    age: TimeDelta,
    headers: &'static [(&'static str, &'static str)],
    body: &str,
) -> Sample {
    Sample {
        to,
        from,
        age,
        headers,
        content_type: TEXT,
        body: body.into(),
    }
}

fn texts() -> Vec<Sample> {
    vec![
        text(
            ALICE,
            "\"Carol Jensen\" <sip:carol@example.org>",
            TimeDelta::minutes(4),
            &[
                ("Subject", "Site visit"),
                ("P-Asserted-Identity", "<sip:carol@example.org>"),
                ("Priority", "urgent"),
            ],
            "Moved to Thursday at ten. The key is with the porter; ask for the north gate, the \
             south one stays shut until spring.",
        ),
        text(
            ALICE,
            "<sip:bob@example.org>",
            TimeDelta::minutes(50),
            &[("Expires", "14400")],
            "Call me when you are back?",
        ),
        text(
            ALICE,
            "\"דנה לוי\" <sip:dana@example.org>",
            TimeDelta::hours(3),
            &[("Subject", "פגישה ביום ראשון")],
            "אני מגיעה בשעה תשע וחצי, נתראה ליד הכניסה הראשית. טלפון: 03-555-0100",
        ),
        text(
            ALICE,
            "\"Mallory\" <sip:mallory@example.com>",
            TimeDelta::hours(9),
            &[
                (
                    "Subject",
                    "<script>alert(1)</script> invoice \u{202e}fdp.exe",
                ),
                ("P-Asserted-Identity", "<sip:someone.else@example.com>"),
            ],
            "Please open <img src=x onerror=alert(1)> and tell me your password.",
        ),
        text(
            BOB,
            "\"فاطمة حداد\" <sip:fatima@example.net>",
            TimeDelta::hours(2),
            &[("Subject", "الرسومات")],
            "أربع لوحات وملاحظة قصيرة. مقياس اللوحة الثالثة كان خطأ، وهذه تحل محلها.",
        ),
        text(
            DANA,
            "\"Alice Martin\" <sip:alice@example.org>",
            TimeDelta::hours(1),
            &[
                ("s", "Compact and\t tabbed"),
                ("User-Agent", "Desk phone 7"),
            ],
            "Tea ☕ or coffee? 👍🏽 Vielen Dank, à bientôt, до встречи, ありがとう.",
        ),
        text(
            DANA,
            "<tel:+390212345678>",
            TimeDelta::days(2),
            &[("Subject", "Voicemail")],
            "You have one new voice message of 42 seconds.",
        ),
    ]
}

fn structured() -> Vec<Sample> {
    let with = |to, from, age, headers, content_type, body| Sample {
        to,
        from,
        age,
        headers,
        content_type,
        body,
    };
    vec![
        with(
            ALICE,
            "\"Fatima Haddad\" <sip:fatima@example.net>",
            TimeDelta::hours(5),
            &[],
            "message/cpim",
            include_bytes!("demo/imdn-request.cpim").to_vec(),
        ),
        with(
            ALICE,
            "\"Erin Okafor\" <sip:erin@example.net>",
            TimeDelta::days(1),
            &[("Subject", "Drawings, second floor")],
            "multipart/mixed;boundary=floor2",
            multipart(),
        ),
        with(
            BOB,
            "\"Alice Martin\" <sip:alice@example.org>",
            TimeDelta::hours(20),
            &[("Subject", "Greetings from the harbour")],
            "image/png",
            POSTCARD.to_vec(),
        ),
        with(
            BOB,
            "\"Newsletter\" <sip:news@example.com>",
            TimeDelta::days(3),
            &[("Subject", "This week")],
            "text/html;charset=UTF-8",
            b"<h1>This week</h1><p>Three things.</p><script>document.title='owned'</script>"
                .to_vec(),
        ),
        with(
            ALICE,
            "\"Team\" <sip:team@groups.example.org>",
            TimeDelta::hours(26),
            &[
                ("Subject", "To all of us"),
                ("Require", "recipient-list-message"),
            ],
            "multipart/mixed;boundary=list",
            include_bytes!("demo/recipient-list.txt").to_vec(),
        ),
        with(
            ALICE,
            "<sip:bob@example.org>",
            TimeDelta::days(4),
            &[],
            "message/cpim",
            include_bytes!("demo/imdn.cpim").to_vec(),
        ),
        with(
            DANA,
            "<sip:bob@example.org>",
            TimeDelta::days(5),
            &[("Subject", "Are you there?")],
            "",
            Vec::new(),
        ),
    ]
}

/// Text, a web page and a picture in one message.
fn multipart() -> Vec<u8> {
    let picture: Vec<String> = STANDARD
        .encode(POSTCARD)
        .as_bytes()
        .chunks(76)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!(
        "--floor2\r\nContent-Type: text/plain;charset=UTF-8\r\n\r\n\
         Four sheets and a short note.\r\nThe scale of sheet three was wrong, this one replaces it.\r\n\
         --floor2\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=\"note.html\"\r\n\r\n\
         <p>The same, as a page.</p><script>alert('never runs')</script>\r\n\
         --floor2\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=\"second floor.png\"\r\n\r\n{}\r\n\
         --floor2--\r\n",
        picture.join("\r\n")
    )
    .into_bytes()
}
