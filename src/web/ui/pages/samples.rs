//! One rich sample of every page, hostile strings included; tests and screenshots use them.

use super::*;

pub(super) fn at(day: u32, hour: u32, minute: u32) -> Moment {
    Moment {
        iso: format!("2026-11-{day:02}T{hour:02}:{minute:02}:07.250000Z"),
        human: format!("{day} Nov 2026, {hour:02}:{minute:02} UTC"),
    }
}

impl Chrome {
    pub(crate) fn sample(title: &str) -> Self {
        Self {
            title: title.into(),
            user: Some(UserBadge {
                name: "alice".into(),
                role: "operator".into(),
            }),
            csrf: "csrf-token-sample".into(),
            flash: None,
            undo: None,
            asset_version: "0f3a91c2".into(),
            demo: false,
            accounts_link: true,
            reports_link: true,
        }
    }

    pub(crate) fn anonymous(title: &str) -> Self {
        Self {
            user: None,
            accounts_link: false,
            reports_link: false,
            ..Self::sample(title)
        }
    }
}

impl SignInPage {
    pub(crate) fn sample() -> Self {
        Self {
            chrome: Chrome::anonymous("Sign in"),
            name_value: String::new(),
            error: None,
            next: "/accounts?q=%22a%22".into(),
        }
    }
}

impl SetupPage {
    pub(crate) fn sample() -> Self {
        Self {
            chrome: Chrome::anonymous("Set up"),
            token: "one-time-token".into(),
            error: None,
            name_value: "admin".into(),
            password_min: 12,
        }
    }
}

impl AccountRow {
    fn sample(aor: &str, name: Option<&str>, count: u64, bytes: &str, percent: u8) -> Self {
        Self {
            aor: aor.into(),
            href: format!("/accounts/{}", aor.replace(':', "%3A")),
            display_name: name.map(Into::into),
            message_count: count,
            bytes_human: bytes.into(),
            quota_percent: percent,
        }
    }
}

impl AccountsPage {
    pub(crate) fn sample() -> Self {
        let row = AccountRow::sample;
        Self {
            chrome: Chrome::sample("Accounts"),
            query: String::new(),
            list: AccountList {
                rows: vec![
                    row(
                        "sip:alice@example.org",
                        Some("Alice Martin"),
                        8,
                        "212 KB",
                        4,
                    ),
                    row(
                        "sip:bob@example.org",
                        Some("Bob <b>Strong</b>"),
                        1204,
                        "18.4 MB",
                        83,
                    ),
                    row(
                        "sip:carol.of.the.very.long.name@messaging.subdomain.example.org",
                        None,
                        1,
                        "410 B",
                        1,
                    ),
                    row("sip:dana@example.org", Some("דנה לוי"), 37, "1.2 MB", 12),
                    row("tel:+390212345678", None, 0, "0 B", 0),
                    row(
                        "sip:erin@example.net",
                        Some("Erin Okafor"),
                        998,
                        "47.9 MB",
                        100,
                    ),
                ],
                first_href: None,
                next_href: Some("/accounts?cursor=abc".into()),
            },
        }
    }
}

impl AccountHead {
    pub(crate) fn sample() -> Self {
        Self {
            aor: "sip:alice@example.org".into(),
            display_name: Some("Alice Martin".into()),
            message_count: 8,
            bytes_human: "212 KB".into(),
            quota: "1,000 messages".to_owned(),
            quota_percent: 4,
            metadata_href: "/accounts/sip%3Aalice%40example.org/metadata".into(),
            base_href: "/accounts/sip%3Aalice%40example.org".into(),
        }
    }
}

impl MessageRow {
    pub(crate) fn sample(number: u32, from: &str, uri: &str, subject: &str, preview: &str) -> Self {
        let id = format!("1368443{number:04}");
        Self {
            href: format!("/accounts/sip%3Aalice%40example.org/messages/{id}"),
            id,
            from_display: from.into(),
            from_uri: uri.into(),
            subject: (!subject.is_empty()).then(|| subject.into()),
            preview: preview.into(),
            kind_label: "Text".into(),
            size_human: "1.2 KB".into(),
            stored: at(23, 14, 5),
            expires: at(30, 14, 5),
            expires_soon: false,
            has_attachments: false,
            wants_report: false,
            suspicious_text: false,
            sealed: false,
        }
    }
}

/// A row of each kind.
fn sample_rows() -> Vec<MessageRow> {
    let row = MessageRow::sample;
    let mut rows = vec![
        row(
            4997,
            "Carol Jensen",
            "sip:carol@example.org",
            "Site visit",
            "Moved to Thursday at ten. The key is with the porter; ask for the north gate, the south one stays shut until spring.",
        ),
        row(
            4996,
            "Bob",
            "sip:bob@example.org",
            "",
            "Call me when you are back?",
        ),
        row(
            4995,
            "Fatima Haddad",
            "sip:fatima@example.net",
            "Drawings, second floor",
            "Four sheets and a short note. The scale of sheet three was wrong, this one replaces it.",
        ),
        row(
            4994,
            "Mallory",
            "sip:mallory@example.com",
            "<script>alert(1)</script> invoice\u{202e}fdp.exe",
            "Please open <img src=x onerror=alert(1)>",
        ),
        row(
            4993,
            "דנה לוי",
            "sip:dana@example.org",
            "פגישה ביום ראשון",
            "אני מגיעה בשעה תשע וחצי, נתראה ליד הכניסה הראשית.",
        ),
        row(
            4992,
            "sip:gateway-with-a-remarkably-long-host-part@messages.region-7.example.org",
            "sip:gateway-with-a-remarkably-long-host-part@messages.region-7.example.org",
            "Averyveryverylongsubjectwithoutanyspacesthatmustnotbreakthelayoutofthelistonsmallscreens",
            "Automatic notice.",
        ),
        row(
            4991,
            "Erin Okafor",
            "sip:erin@example.net",
            "Recording of the board call",
            "One hour, twelve minutes.",
        ),
        row(
            4990,
            "Team",
            "sip:team@groups.example.org",
            "Delivery report",
            "Your message of 22 November was displayed.",
        ),
    ];
    rows[0].wants_report = true;
    rows[1].expires_soon = true;
    rows[1].expires = at(24, 0, 40);
    rows[2].kind_label = "Multipart".into();
    rows[2].has_attachments = true;
    rows[2].size_human = "184 KB".into();
    rows[3].suspicious_text = true;
    rows[3].kind_label = "CPIM".into();
    rows[5].stored = at(20, 3, 0);
    rows[6].kind_label = "Large".into();
    rows[6].size_human = "41.7 MB".into();
    rows[6].stored = at(19, 9, 41);
    rows[6].has_attachments = true;
    rows[7].kind_label = "Receipt".into();
    rows[7].stored = at(8, 9, 41);
    rows
}

impl InboxPage {
    pub(crate) fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Alice Martin"),
            account: AccountHead::sample(),
            filter: String::new(),
            filter_error: None,
            chips: Vec::new(),
            orders: ["Newest first", "Oldest first", "Expiring first"]
                .map(|label| OrderLink {
                    label,
                    href: "/accounts/sip%3Aalice%40example.org?sort=stored".into(),
                    is_current: label == "Newest first",
                })
                .into(),
            sort: None,
            list: MessageList {
                rows: sample_rows(),
                order_label: "Newest first",
                first_href: None,
                next_href: Some("/accounts/sip%3Aalice%40example.org?cursor=abc".into()),
            },
            delete_href: "/accounts/sip%3Aalice%40example.org/messages/delete".into(),
            erase_href: "/accounts/sip%3Aalice%40example.org/erase".into(),
            reason_href: None,
            first_use: false,
            try_it: None,
            demo_send_href: None,
        }
    }

    pub(crate) fn empty() -> Self {
        let mut page = Self::sample();
        page.list.rows.clear();
        page.list.next_href = None;
        page.account.message_count = 0;
        page.account.bytes_human = "0 B".into();
        page.account.quota_percent = 0;
        page.chrome.demo = true;
        page.first_use = true;
        page.demo_send_href = Some("/demo/message".into());
        page.try_it = Some(
            "restante send --to sip:alice@example.org --from sip:bob@example.org 'Hello, Alice'\n\n\
             curl -X POST http://127.0.0.1:8080/api/v1/ingest \\\n  \
             -H 'Authorization: Bearer $TOKEN' \\\n  -H 'Content-Type: message/sip' \\\n  \
             --data-binary @message.sip"
                .into(),
        );
        page
    }
}

impl MessagePage {
    pub(crate) fn sample() -> Self {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        Self {
            chrome: Chrome::sample("Drawings, second floor"),
            account: AccountHead::sample(),
            back_href: "/accounts/sip%3Aalice%40example.org".into(),
            id: "13684434995".into(),
            message_id: "sip:13684434995@mailserver32.example.org".into(),
            from_display: "Fatima Haddad".into(),
            from_uri: "sip:fatima@example.net".into(),
            to_uri: "sip:alice@example.org".into(),
            asserted: Some("sip:+390212345678@ims.example.net".into()),
            identity_warning: true,
            suspicious_text: false,
            subject: Some("Drawings, second floor".into()),
            kind_label: "Multipart".into(),
            sent: Some(at(23, 13, 58)),
            stored: at(23, 14, 5),
            expires: at(30, 14, 5),
            expires_soon: false,
            size_human: "184 KB".into(),
            content_type: "multipart/mixed; boundary=\"7f3\"".into(),
            texts: vec![
                TextBlock {
                    number: "1".into(),
                    label: "text/plain".into(),
                    text: "Alice,\n\nfour sheets and a short note. The scale of sheet three was wrong, this one replaces it.\nhttps://files.example.net/a/very/long/path/without/a/break/0123456789012345678901234567890123456789\n\nשלום וברכה\n\nFatima".into(),
                },
                TextBlock {
                    number: "2".into(),
                    label: "text/html, as text".into(),
                    text: "<script>alert('never runs')</script>".into(),
                },
            ],
            parts: vec![
                PartRow { number: "1".into(), content_type: "text/plain; charset=utf-8".into(), filename: None, size_human: "212 B".into(), href: "/p/1".into(), preview_href: None },
                PartRow { number: "2".into(), content_type: "text/html".into(), filename: Some("note.html".into()), size_human: "1.1 KB".into(), href: "/p/2".into(), preview_href: None },
                PartRow { number: "3".into(), content_type: "image/png".into(), filename: Some("second-floor.png".into()), size_human: "92 KB".into(), href: "/p/3".into(), preview_href: Some("/static/sample.png".into()) },
                PartRow { number: "4".into(), content_type: "application/vnd.openxmlformats-officedocument.wordprocessingml.document".into(), filename: Some("a-name-of-a-document-that-is-far-too-long-to-fit-on-a-small-screen.docx".into()), size_human: "90 KB".into(), href: "/p/4".into(), preview_href: None },
            ],
            headers: vec![
                pair("Via", "SIP/2.0/UDP proxy.example.net:5060;branch=z9hG4bK776sgdkse;received=192.0.2.4"),
                pair("From", "\"Fatima Haddad\" <sip:fatima@example.net>;tag=49583"),
                pair("To", "<sip:alice@example.org>"),
                pair("Call-ID", "asd88asd77a@192.0.2.4"),
                pair("CSeq", "1 MESSAGE"),
                pair("Date", "Mon, 23 Nov 2026 13:58:07 GMT"),
                pair("Subject", "Drawings, second floor"),
                pair("P-Asserted-Identity", "<sip:+390212345678@ims.example.net>"),
                pair("Content-Type", "multipart/mixed; boundary=\"7f3\""),
            ],
            cpim_headers: vec![
                pair("From", "Fatima <sip:fatima@example.net>"),
                pair("NS", "imdn <urn:ietf:params:imdn>"),
                pair("imdn.Message-ID", "34jk324j"),
                pair("imdn.Disposition-Notification", "positive-delivery, negative-delivery"),
            ],
            reports: vec!["positive-delivery".into(), "negative-delivery".into()],
            content_href: "/content".into(),
            session: None,
            raw_href: "/raw".into(),
            json_href: "/json".into(),
            metadata_href: "/metadata".into(),
            delete_href: "/accounts/sip%3Aalice%40example.org/messages/delete".into(),
            extend: ExtendForm::sample(),
            timeline: Some(Timeline::sample()),
        }
    }
}

impl SessionBlock {
    pub(crate) fn sample() -> Self {
        let leg = |title, fields: &[(&str, &str)], href: Option<&str>| SessionLeg {
            title,
            fields: fields
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            href: href.map(str::to_owned),
        };
        let from = ("From", "\"Erin Okafor\" <sip:erin@example.net>;tag=1");
        Self {
            completed: Some(at(19, 9, 41)),
            is_beginning: true,
            legs: vec![
                leg(
                    "INVITE",
                    &[from, ("Subject", "Recording of the board call")],
                    Some("/session/invite"),
                ),
                leg("200 OK", &[from], Some("/session/ok")),
                leg(
                    "MSRP SEND",
                    &[("Message-ID", "87652491")],
                    Some("/session/send"),
                ),
                leg("BYE", &[], None),
            ],
        }
    }
}

impl ProblemPage {
    pub(crate) fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Not found"),
            status: 404,
            title: "No such message".into(),
            detail: "It may have been delivered, deleted, or its time ran out. Or the address has a slip in it.".into(),
            back_href: "/".into(),
        }
    }
}

impl ProblemTypePage {
    pub(crate) fn sample() -> Self {
        Self {
            chrome: Chrome::anonymous("Quota exceeded"),
            slug: "quota-exceeded".into(),
            title: "Quota exceeded".into(),
            status: 507,
            explanation: "The account has as many messages, or as many octets, as its quota allows. Nothing was stored.".into(),
            remedy: "Delete messages of the account, or have an operator raise its quota; then send the request again.".into(),
        }
    }
}

impl ProblemIndexPage {
    pub(crate) fn sample() -> Self {
        let row = |slug: &str, title: &str, status| ProblemRow {
            slug: slug.into(),
            title: title.into(),
            status,
        };
        Self {
            chrome: Chrome::anonymous("Problem types"),
            items: vec![
                row("invalid-request", "Invalid request", 400),
                row("not-found", "Not found", 404),
                row("precondition-failed", "Precondition failed", 412),
                row("rate-limited", "Too many requests", 429),
                row("quota-exceeded", "Quota exceeded", 507),
            ],
        }
    }
}

impl MetadataPage {
    pub(crate) fn sample() -> Self {
        Self {
            chrome: Chrome::sample("Metadata"),
            account: AccountHead::sample(),
            back_href: "/accounts/sip%3Aalice%40example.org".into(),
            document_href: "/xcap-root/org.openmobilealliance.deferred-list/users/sip%3Aalice%40example.org/deferred-list".into(),
            etag: "\"a1-1187\"".into(),
            xml: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<history-list xmlns=\"urn:oma:xml:im:history-list\">\n  <history history-reference=\"sip:13684434990@mailserver32.example.org\" date=\"2026-11-23T08:15:30Z\">\n    <size>1187</size>\n    <expiry>2026-11-30T08:15:30Z</expiry>\n    <subject>Site visit</subject>\n    <pager>\n      <from>sip:carol@example.org</from>\n    </pager>\n  </history>\n</history-list>\n".into(),
        }
    }
}
