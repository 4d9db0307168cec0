//! SIP over WebSocket (RFC 7118): a frame is a message.
//!
//! A page in a browser on a trusted machine must not speak to us for whoever wrote it, so pages are served
//! only if they come from an origin that the operator names. Other clients send no Origin.

use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::{Message as Frame, WebSocketConfig};

use super::stream::{Stream, close};
use super::{Connection, Flow, Reading, Received, Writer, read_whole};

/// The subprotocol (RFC 7118 section 4.1).
const SIP: &str = "sip";

/// Serves one connection until either side ends it.
pub(super) async fn serve(stream: Stream, connection: Connection, origins: &[String]) {
    let source = connection.origin.source;
    let patience = connection.limits.idle_timeout;
    let max_message = connection.limits.max_message;
    let config = WebSocketConfig::default()
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message));
    #[expect(
        clippy::result_large_err,
        reason = "the type of the answer is not ours"
    )]
    let greet = |request: &Request, response| greet(request, response, origins);
    let greeting = tokio_tungstenite::accept_hdr_async_with_config(stream, greet, Some(config));
    let socket = match timeout(patience, greeting).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => {
            tracing::debug!(peer = %source, "no WebSocket with {source}: {error}");
            return;
        }
        Err(_) => {
            tracing::debug!(peer = %source, "a WebSocket with {source} took too long");
            return;
        }
    };
    let (write, read) = socket.split();
    let (writer, waiting, reading) = Writer::new();
    let sending = tokio::spawn(write_all(write, waiting, patience));
    read_all(read, &writer, &reading, &connection).await;
    drop((writer, reading));
    close(sending, patience).await;
}

/// Agrees to speak SIP, or says why not.
#[expect(
    clippy::result_large_err,
    reason = "the type of the answer is not ours"
)]
fn greet(
    request: &Request,
    mut response: Response,
    origins: &[String],
) -> Result<Response, ErrorResponse> {
    let refuse = |status, why: &str| {
        let mut refusal = ErrorResponse::new(Some(why.to_owned()));
        *refusal.status_mut() = status;
        Err(refusal)
    };
    if let Some(origin) = request.headers().get(header::ORIGIN)
        && !origins.iter().any(|known| known.as_bytes() == origin)
    {
        return refuse(
            StatusCode::FORBIDDEN,
            "this origin is not in sip.websocket_origins",
        );
    }
    if !offers_sip(request.headers()) {
        return refuse(
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Protocol must offer sip",
        );
    }
    response.headers_mut().insert(
        header::SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SIP),
    );
    Ok(response)
}

fn offers_sip(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case(SIP))
}

async fn read_all(
    mut read: SplitStream<WebSocketStream<Stream>>,
    writer: &Writer,
    reading: &Reading,
    connection: &Connection,
) {
    // Pings are answered beneath; they keep the connection, as do the CRLFs of RFC 5626.
    loop {
        let frame = tokio::select! {
            biased;
            // Nobody takes what comes any more.
            () = connection.endpoint.closed() => return,
            frame = timeout(connection.limits.idle_timeout, read.next()) => frame,
        };
        let frame = match frame {
            Ok(Some(Ok(frame))) => frame,
            // A session that began here goes on here, however quiet it is.
            Err(_) if writer.is_shared() => continue,
            _ => return,
        };
        let bytes: Bytes = match frame {
            Frame::Text(text) => text.into(),
            Frame::Binary(bytes) => bytes,
            Frame::Close(_) => return,
            _ => continue,
        };
        if *bytes == *b"\r\n\r\n" {
            let _ = writer.write(Bytes::from_static(b"\r\n"));
            continue;
        }
        let Some((message, fault)) = read_whole(bytes, connection.limits.max_message) else {
            continue;
        };
        let received = Received {
            message,
            fault,
            origin: connection.origin.clone(),
            flow: Flow::Stream(writer.clone()),
            reading: reading.clone(),
        };
        if connection.endpoint.send(received).await.is_err() {
            return;
        }
    }
}

/// Writes what is handed over until nobody is left who could; then closes the connection.
async fn write_all(
    mut write: SplitSink<WebSocketStream<Stream>, Frame>,
    mut writes: mpsc::Receiver<Bytes>,
    patience: Duration,
) {
    while let Some(bytes) = writes.recv().await {
        // Text where it is text, which scripts find easier (RFC 7118 section 5).
        let frame = match String::from_utf8(bytes.to_vec()) {
            Ok(text) => Frame::text(text),
            Err(_) => Frame::Binary(bytes),
        };
        if !matches!(timeout(patience, write.send(frame)).await, Ok(Ok(()))) {
            return;
        }
    }
    // The peer may have closed already.
    let _ = timeout(patience, write.close()).await;
}
