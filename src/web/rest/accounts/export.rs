//! `GET /api/v1/accounts/{aor}/export`

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use tokio::sync::mpsc;
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};

use crate::domain::listing::{Order, Place};
use crate::domain::message::{Mode, Summary};
use crate::mailbox::Mailbox;
use crate::mailbox::inspect::Inspected;
use crate::mailbox::large::{Body as Content, LargeSession, Payload};
use crate::store::StoreError;
use crate::store::accounts::Account;
use crate::web::auth::Caller;
use crate::web::download::{Download, Shown};
use crate::web::extract::Path;
use crate::web::problem::{Problem, ProblemBody};
use crate::web::rest::account_path;
use crate::web::rest::view::{AccountView, MessageView};

/// Messages read at a time.
const PER_READ: u64 = 100;
/// Pieces that wait for a slow reader.
const WAITING: usize = 4;
/// A piece is sent when it has so many octets.
const PIECE: usize = 64 * 1024;

/// Export an account
///
/// All messages as a zip file, while it is read: `{id}.sip` is a pager message as it was received; the folder `{id}` has
/// `invite.sip`, `ok.sip`, `send.msrp`, `bye.sip` and `content` of a large one; `index.json` says what is known of each.
/// What comes or goes meanwhile may be in it or not.
#[utoipa::path(
    get, path = "/api/v1/accounts/{aor}/export", tag = "accounts", operation_id = "export_account",
    params(
        ("aor" = String, Path, description = "Address of record, percent-encoded, or `me`",
            example = "sip:alice@example.org"),
        ("Restante-Reason" = Option<String>, Header, description = "Why an operator reads what is somebody else's: 10 to 500 characters, percent-encoded UTF-8. The audit keeps it", example = "Ticket%204711"),
    ),
    responses(
        (status = 200, content_type = "application/zip", description = "The messages; if it ends without a directory, something failed on the way"),
        (status = 401, body = ProblemBody, content_type = "application/problem+json", description = "Not signed in"),
        (status = 403, body = ProblemBody, content_type = "application/problem+json", description = "The scope read is missing, or an operator gives no reason for reading what is somebody else's"),
        (status = 404, body = ProblemBody, content_type = "application/problem+json", description = "No such account for this caller"),
        (status = 503, body = ProblemBody, content_type = "application/problem+json", description = "The database is away, or the request took too long"),
    ),
    security(("token" = []), ("session" = [])),
)]
pub async fn export_account(
    State(mailbox): State<Mailbox>,
    caller: Caller,
    Path(aor): Path<String>,
) -> Result<Response, Problem> {
    let scope = caller.reading()?;
    let account = account_path::account(&mailbox, &caller.principal, &scope, &aor).await?;
    caller
        .given
        .allow(
            &mailbox,
            &caller.principal,
            &account,
            Inspected::Document("export"),
        )
        .await?;
    let (out, pieces) = mpsc::channel(WAITING);
    let day = mailbox.clock.now().format("%Y-%m-%d");
    let file_name = format!("{}-{day}.zip", account.aor);
    // Ends with the request: nobody takes the pieces then.
    tokio::spawn(async move {
        let mut archive = Archive::new(out.clone());
        if let Err(error) = archive.write(&mailbox, &account).await {
            tracing::warn!(account.id = account.id, error = %error, "an export ended early: {error}");
            let _ = out.send(Err(error)).await;
        }
    });
    let pieces = stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    Ok(Download {
        media_type: "application/zip",
        file_name: &file_name,
        shown: Shown::Saved,
    }
    .response(Body::from_stream(pieces)))
}

/// Why an export ended early.
#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the archive could not be written")]
    Zip(#[from] zip::result::ZipError),
    #[error("the archive could not be written")]
    Write(#[from] io::Error),
    #[error("the index could not be written")]
    Index(#[from] serde_json::Error),
    #[error("nobody reads it any more")]
    Gone,
}

/// What is written and not sent yet.
#[derive(Debug, Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    fn take(&self) -> Vec<u8> {
        let taken = self.0.lock().map(|mut octets| std::mem::take(&mut *octets));
        taken.unwrap_or_default()
    }

    fn len(&self) -> usize {
        self.0.lock().map_or(0, |octets| octets.len())
    }
}

impl Write for Buffer {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let mut buffer = self.0.lock().map_err(|_| io::Error::other("poisoned"))?;
        buffer.extend_from_slice(octets);
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The archive as it grows.
struct Archive {
    zip: ZipWriter<StreamWriter<Buffer>>,
    buffer: Buffer,
    out: mpsc::Sender<Result<Bytes, ExportError>>,
}

/// What `index.json` says of a message.
#[derive(Serialize)]
struct Entry {
    /// Its file or folder in the archive.
    file: String,
    #[serde(flatten)]
    message: MessageView,
}

impl Archive {
    fn new(out: mpsc::Sender<Result<Bytes, ExportError>>) -> Self {
        let buffer = Buffer::default();
        Self {
            zip: ZipWriter::new_stream(buffer.clone()),
            buffer,
            out,
        }
    }

    async fn write(&mut self, mailbox: &Mailbox, account: &Account) -> Result<(), ExportError> {
        let mut after = None;
        loop {
            let page = page(mailbox, account, after).await?;
            let Some(last) = page.last() else { break };
            after = Some(Place::behind(last, Order::OLDEST_FIRST));
            for message in &page {
                self.message(mailbox, account, message).await?;
            }
        }
        self.index(mailbox, account, after).await?;
        // The writer is needed no more.
        std::mem::replace(&mut self.zip, ZipWriter::new_stream(Buffer::default())).finish()?;
        self.send(0).await
    }

    async fn message(
        &mut self,
        mailbox: &Mailbox,
        account: &Account,
        message: &Summary,
    ) -> Result<(), ExportError> {
        let Some(opened) = mailbox.open(account, message.key).await? else {
            return Ok(());
        };
        let file = file(message);
        match opened.payload {
            Payload::Pager(raw) => self.file(&file, &raw).await,
            Payload::Large { session, body } => {
                self.large(mailbox, &file, session, &body, message).await
            }
        }
    }

    async fn large(
        &mut self,
        mailbox: &Mailbox,
        folder: &str,
        session: LargeSession,
        body: &Content,
        message: &Summary,
    ) -> Result<(), ExportError> {
        for (name, octets) in [
            ("invite.sip", Some(session.invite)),
            ("ok.sip", Some(session.ok)),
            ("send.msrp", Some(session.send_head)),
            ("bye.sip", session.bye),
        ] {
            if let Some(octets) = octets {
                self.file(&format!("{folder}{name}"), &octets).await?;
            }
        }
        let len = u64::try_from(message.facts.size).unwrap_or_default();
        let options = options().large_file(len >= u64::from(u32::MAX));
        self.zip.start_file(format!("{folder}content"), options)?;
        let mut octets = mailbox.read(body, 0..len).await?;
        while let Some(piece) = octets.next().await {
            self.zip.write_all(&piece.map_err(StoreError::from)?)?;
            self.send(PIECE).await?;
        }
        Ok(())
    }

    async fn file(&mut self, name: &str, octets: &[u8]) -> Result<(), ExportError> {
        self.zip.start_file(name, options())?;
        self.zip.write_all(octets)?;
        self.send(PIECE).await
    }

    /// Writes what is known of the messages up to `last`, reading them once more: keeping it would take memory.
    async fn index(
        &mut self,
        mailbox: &Mailbox,
        account: &Account,
        last: Option<Place>,
    ) -> Result<(), ExportError> {
        self.zip.start_file("index.json", options())?;
        let view = AccountView::new(account, &mailbox.policy);
        let account_json = serde_json::to_string(&view)?;
        write!(self.zip, "{{\"account\":{account_json},\"messages\":[")?;
        let last = last.map_or(0, |place| place.number);
        let mut after = None;
        loop {
            let page = page(mailbox, account, after).await?;
            for message in page.iter().filter(|message| message.key.number <= last) {
                self.zip
                    .write_all(if after.is_none() && page.first() == Some(message) {
                        b"\n"
                    } else {
                        b",\n"
                    })?;
                let entry = Entry {
                    file: file(message),
                    message: MessageView::new(account, message, false),
                };
                serde_json::to_writer(&mut self.zip, &entry)?;
            }
            self.send(PIECE).await?;
            match page.last().filter(|message| message.key.number < last) {
                Some(end) => after = Some(Place::behind(end, Order::OLDEST_FIRST)),
                None => break,
            }
        }
        self.zip.write_all(b"\n]}\n")?;
        Ok(())
    }

    /// Sends what has been written, if it has `least` octets.
    async fn send(&mut self, least: usize) -> Result<(), ExportError> {
        if self.buffer.len() < least {
            return Ok(());
        }
        let piece = Bytes::from(self.buffer.take());
        let sent = self.out.send(Ok(piece)).await;
        sent.map_err(|_| ExportError::Gone)
    }
}

async fn page(
    mailbox: &Mailbox,
    account: &Account,
    after: Option<Place>,
) -> Result<Vec<Summary>, StoreError> {
    let order = Order::OLDEST_FIRST;
    mailbox.list(account, &[], order, after, PER_READ).await
}

/// Nothing is compressed: what is worth it is compressed already, or small.
fn options() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(CompressionMethod::Stored)
}

/// The name in the archive: a file, or a folder of several.
fn file(message: &Summary) -> String {
    match message.facts.mode {
        Mode::Pager => format!("{}.sip", message.key),
        Mode::Large => format!("{}/", message.key),
    }
}
