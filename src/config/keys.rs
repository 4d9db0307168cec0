//! The one table of configuration keys.

use std::fmt::Write as _;

use super::http_keys;

/// One configuration key.
#[derive(Debug)]
pub struct Key {
    /// Its name in the file; `a.b` is `RESTANTE__A__B` in the environment.
    pub name: &'static str,
    /// Its default, as it would be written in the file; empty when there is none.
    pub default: &'static str,
    /// What it means, with the unit.
    pub meaning: &'static str,
    /// Whether it is a secret, which may also be read from a file.
    pub is_secret: bool,
}

pub(super) const fn key(name: &'static str, default: &'static str, meaning: &'static str) -> Key {
    Key {
        name,
        default,
        meaning,
        is_secret: false,
    }
}

/// A key whose value nobody should see. `NAME_file` names a file that holds it.
pub(super) const fn secret(
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key {
        is_secret: true,
        ..key(name, default, meaning)
    }
}

/// Every configuration key there is.
pub fn keys() -> impl Iterator<Item = &'static Key> {
    UP_TO_SERVER.iter().chain(http_keys::KEYS).chain(FROM_SIP)
}

/// The keys up to `server`.
const UP_TO_SERVER: &[Key] = &[
    key(
        "data_dir",
        "./restante-data",
        "Directory of the embedded database, of large contents, and of those that are being received.",
    ),
    secret(
        "database.url",
        "",
        "`postgres://user:password@host/name`, or `sqlite://path`. Absent: `restante.db` in `data_dir`.",
    ),
    key(
        "database.max_connections",
        "16",
        "The most connections to the database.",
    ),
    key(
        "objects.url",
        "",
        "Where large contents are kept: `file:///path` or `s3://bucket/prefix`. Absent: `objects` in `data_dir`. Several nodes need one place.",
    ),
    key(
        "objects.endpoint",
        "",
        "`http:` or `https:` URL of a server that speaks S3. Absent: that of AWS for the region.",
    ),
    key("objects.region", "us-east-1", "The region of the bucket."),
    key(
        "objects.access_key",
        "",
        "The id of the access key for the bucket. Absent: what the machine is given by AWS.",
    ),
    secret("objects.secret_key", "", "The access key itself."),
    key(
        "objects.inline_bytes",
        "262144",
        "Contents of so many octets at most are kept in the database, larger ones as objects.",
    ),
    key(
        "server.hostname",
        "",
        "Host name in new accounts' Message-IDs. Absent: this machine's name. An account keeps the name it was made with.",
    ),
];

/// The keys from `sip` on.
const FROM_SIP: &[Key] = &[
    key(
        "sip.listen",
        "127.0.0.1:5060",
        "Addresses to listen on for SIP over UDP and TCP; empty: none. Port 0 takes a free one.",
    ),
    key(
        "sip.tls_listen",
        "",
        "Addresses to listen on for SIP over TLS. Absent: none.",
    ),
    key(
        "sip.tls_certificate",
        "",
        "PEM file with the certificate chain for SIP over TLS; read again on SIGHUP.",
    ),
    key("sip.tls_key", "", "PEM file with its private key."),
    key(
        "sip.tls_client_authorities",
        "",
        "PEM file with authorities. Clients are asked for a certificate of one of them; `sip.trusted_peers` says which names are trusted. Absent: none is asked.",
    ),
    key(
        "sip.ws_listen",
        "",
        "Addresses to listen on for SIP over WebSocket (RFC 7118). Absent: none.",
    ),
    key(
        "sip.wss_listen",
        "",
        "The same behind TLS, with the certificate of `sip.tls_certificate`. Absent: none.",
    ),
    key(
        "sip.websocket_origins",
        "",
        "Origins, as in `https://chat.example.org`, of pages that may speak SIP over WebSocket. Clients that are no pages need none.",
    ),
    key(
        "sip.domains",
        "",
        "Domains whose users are served over SIP. Absent: any domain.",
    ),
    key(
        "sip.trusted_peers",
        "127.0.0.0/8,::1/128",
        "Whose SIP requests are taken, and whose word on identities is believed: networks, addresses, and names that a TLS certificate proves (`sip.tls_client_authorities`).",
    ),
    key(
        "sip.strangers",
        "refuse",
        "What others get: `refuse` is 403; `digest` lets them prove that they hold a token made with `--digest`.",
    ),
    key(
        "sip.digest_algorithms",
        "SHA-256,MD5",
        "What Digest offers, in this order. Old clients look only at the first.",
    ),
    key(
        "sip.realm",
        "",
        "The realm of Digest. Absent: `server.hostname`. Tokens made for another realm are no good.",
    ),
    key(
        "sip.outbound_proxy",
        "",
        "SIP URI of the proxy that requests of ours go to, as in `sip:proxy.example.org;lr`. With `lr` it is also named in a Route.",
    ),
    key(
        "sip.udp_limit",
        "1300",
        "A request of ours with more octets goes over TCP where it would go over UDP, if TCP is listened on there (RFC 3261 section 18.1.1).",
    ),
    key(
        "sip.tls_authorities",
        "",
        "PEM file with the authorities that servers we connect to over TLS are known by. Absent: those of `sip.tls_client_authorities`, else of the system.",
    ),
    key(
        "sip.dns_servers",
        "",
        "Addresses with port of the DNS servers to ask for SIP servers. Absent: those of the system.",
    ),
    key(
        "sip.rate_limit",
        "5000",
        "The most SIP requests a second from one address; more get 503.",
    ),
    key(
        "sip.max_connections",
        "1024",
        "The most SIP connections at once.",
    ),
    key(
        "sip.max_connections_per_peer",
        "256",
        "The most of them from one address.",
    ),
    key(
        "sip.idle_timeout",
        "2m",
        "A SIP connection on which nothing comes for so long is closed.",
    ),
    key(
        "sip.max_subscriptions",
        "10000",
        "The most SIP subscriptions at once.",
    ),
    key(
        "sip.max_subscriptions_per_peer",
        "10000",
        "The most of them from one address, behind which a proxy may have many users. Each user has 50 at most.",
    ),
    key(
        "sip.min_subscription",
        "1m",
        "A subscription that is to be shorter is refused (423).",
    ),
    key(
        "sip.max_subscription",
        "1d",
        "One that is to be longer is shortened to this.",
    ),
    key(
        "sip.notify_interval",
        "5s",
        "A subscriber is told of changes no more often than once in this time. RFC 5875 wants five seconds.",
    ),
    key(
        "msrp.listen",
        "127.0.0.1:2855",
        "Addresses to listen on for MSRP over TCP, by which large messages come; empty: none. Port 0 takes a free one.",
    ),
    key(
        "msrp.tls_listen",
        "",
        "Addresses to listen on for MSRP over TLS, with the certificate of `sip.tls_certificate`. Absent: none.",
    ),
    key(
        "msrp.host",
        "",
        "The address or name that peers connect to. Absent: the address listened on, or `server.hostname` where that is every one.",
    ),
    key(
        "msrp.max_sessions",
        "1024",
        "The most MSRP sessions at once, and the most connections.",
    ),
    key(
        "msrp.max_sessions_per_peer",
        "256",
        "The most of them with one address.",
    ),
    key(
        "msrp.idle_timeout",
        "1m",
        "An MSRP session or connection in which nothing comes for so long is ended.",
    ),
    key(
        "msrp.total_timeout",
        "1h",
        "An MSRP session that lasts so long is ended.",
    ),
    key(
        "policy.auto_create_accounts",
        "true",
        "Store for an address that has no account yet by making one.",
    ),
    key(
        "policy.default_expiry",
        "7d",
        "Life of a message whose Expires is absent or above the maximum.",
    ),
    key(
        "policy.max_expiry",
        "30d",
        "The longest life a sender may ask for, and that may be chosen for a message that waits.",
    ),
    key(
        "policy.large_expiry",
        "7d",
        "Life of a message that came in Large Message Mode.",
    ),
    key(
        "policy.max_message_bytes",
        "1048576",
        "The largest request accepted, in octets.",
    ),
    key(
        "policy.max_large_bytes",
        "104857600",
        "The largest content of a message in Large Message Mode, in octets.",
    ),
    key(
        "policy.quota_messages",
        "1000",
        "The most messages one account holds.",
    ),
    key(
        "policy.quota_bytes",
        "268435456",
        "The most octets one account holds.",
    ),
    key(
        "policy.sender_rate",
        "20",
        "The most messages a minute from one sender to one user, all at once if need be; more get 429 over HTTP, 480 over SIP, with Retry-After. 0: any number.",
    ),
    key(
        "policy.delivery_reports",
        "on_request",
        "When the sender of a message that goes undelivered is told: `on_request` (RFC 5438), `always`, `never`.",
    ),
    key(
        "policy.expiry_warning",
        "24h",
        "How long before its expiry an event warns of a message; `0s`: never.",
    ),
    key(
        "policy.undo_grace",
        "10s",
        "How long a deletion in the browser may be taken back.",
    ),
    key(
        "policy.events_keep",
        "30d",
        "How long is kept what happened to messages: events and timelines.",
    ),
    key("policy.audit_keep", "400d", "How long the audit is kept."),
    key(
        "policy.sweep_interval",
        "1s",
        "How often expired messages are removed.",
    ),
    key(
        "reports.route",
        "",
        "Who sends delivery reports: `connector`, whoever fetches them by HTTP; `proxy`, this server through `sip.outbound_proxy`; `direct`, this server to whoever DNS names (RFC 3263). Absent: `proxy` if there is one, else `connector`.",
    ),
    key(
        "reports.give_up_after",
        "24h",
        "A delivery report that could not be sent within this time is given up; an operator may have it tried again.",
    ),
    key(
        "reports.keep",
        "30d",
        "How long delivery reports are kept after they were sent or given up.",
    ),
    key("xcap.root", "/xcap-root", "Path of the XCAP root."),
    key(
        "xcap.root_aliases",
        "",
        "Other paths that lead to the XCAP root, such as `/services`.",
    ),
    key(
        "xcap.lenient_content_type",
        "true",
        "Take a PUT without Content-Type, or with that of an HTML form, for what it should have said; else 415.",
    ),
    key(
        "xcap.max_document_bytes",
        "1048576",
        "The largest XCAP document, in octets.",
    ),
    key(
        "xcap.max_documents",
        "100",
        "The most XCAP documents of one user.",
    ),
    key(
        "xcap.trusted_proxies",
        "",
        "Networks of aggregation proxies whose `X-3GPP-Asserted-Identity` and `X-XCAP-Asserted-Identity` are believed; they must remove those of their clients. Absent: none.",
    ),
    key(
        "xcap.usages",
        "",
        "Further application usages: tables `[[xcap.usages]]` with `auid`, `namespace`, `mime_type` and more; see docs/xcap.md.",
    ),
    key(
        "log.format",
        "text",
        "`text` for people, `json` for programs.",
    ),
    key(
        "log.filter",
        "info,sea_orm_migration=warn,sqlx=warn,memory_serve=warn",
        "What to log, as in `info,restante=debug`.",
    ),
];

/// The keys that are lists.
pub(super) fn lists() -> impl Iterator<Item = &'static str> {
    http_keys::LISTS.iter().chain(LISTS).copied()
}

/// Those of them that are not below `http`.
const LISTS: &[&str] = &[
    "sip.listen",
    "sip.tls_listen",
    "sip.ws_listen",
    "sip.wss_listen",
    "sip.websocket_origins",
    "sip.domains",
    "sip.trusted_peers",
    "sip.dns_servers",
    "sip.digest_algorithms",
    "msrp.listen",
    "msrp.tls_listen",
    "xcap.root_aliases",
    "xcap.trusted_proxies",
];

/// The table of keys in Markdown, as it stands in `docs/configuration.md`.
#[must_use]
pub fn markdown_table() -> String {
    let mut table = String::from("| key | default | meaning |\n| --- | --- | --- |\n");
    for key in keys() {
        let default = match key.default {
            "" => String::new(),
            text => format!("`{text}`"),
        };
        let file = if key.is_secret {
            format!(" Or, in a file that is named by `{}_file`.", key.name)
        } else {
            String::new()
        };
        // Writing to a String does not fail.
        let (name, meaning) = (key.name, key.meaning);
        let _ = writeln!(table, "| `{name}` | {default} | {meaning}{file} |");
    }
    table
}
