//! SIP over WebSocket (RFC 7118), spoken to by a WebSocket client of its own.

use futures_util::{SinkExt, StreamExt};
use restante::sip::Message;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message as Frame};

use crate::on_both_databases;
use crate::support::TestApp;
use crate::support::message::Pager;
use crate::support::sip::{PATIENCE, header, pager, status};

const ALICE: &str = "sip:alice@example.org";

async fn connect(
    app: &TestApp,
    protocol: Option<&str>,
    origin: Option<&str>,
) -> Result<WebSocketStream<TcpStream>, Error> {
    let address = app.sip_at("WebSocket");
    let mut request = format!("ws://{address}/").into_client_request().unwrap();
    for (name, value) in [("sec-websocket-protocol", protocol), ("origin", origin)] {
        if let Some(value) = value {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().insert(name, value);
        }
    }
    let stream = TcpStream::connect(address).await.unwrap();
    let (socket, response) = tokio_tungstenite::client_async(request, stream).await?;
    assert_eq!(response.headers()["sec-websocket-protocol"], "sip");
    Ok(socket)
}

fn refusal(outcome: Result<WebSocketStream<TcpStream>, Error>) -> u16 {
    match outcome {
        Err(Error::Http(response)) => response.status().as_u16(),
        other => panic!("{other:?}"),
    }
}

async fn next(socket: &mut WebSocketStream<TcpStream>) -> Frame {
    let frame = timeout(PATIENCE, socket.next()).await.expect("a frame");
    frame.unwrap().unwrap()
}

/// As a script sends it: the name in Via is nobody's, and there need be no Content-Length.
fn from_a_page() -> String {
    let pager = Pager {
        branch: "z9hG4bK56sdasks".into(),
        ..pager()
    };
    let text = String::from_utf8(pager.bytes()).unwrap();
    let text = text.replace("UDP proxy.example.org", "WS df7jal23ls0d.invalid");
    let lines = text.split("\r\n");
    let kept = lines.filter(|line| !line.starts_with("Content-Length"));
    kept.collect::<Vec<_>>().join("\r\n")
}

on_both_databases! {
    async fn a_frame_is_a_message(app: TestApp, "[sip]\nws_listen = ['127.0.0.1:0']") {
        let mut socket = connect(&app, Some("chat, sip"), None).await.unwrap();
        socket.send(Frame::text(from_a_page())).await.unwrap();
        let Frame::Text(answer) = next(&mut socket).await else { panic!("not a text") };
        let answer = Message::parse(answer.into()).unwrap();
        assert_eq!(status(&answer), 202);
        assert!(header(&answer, "Via").starts_with("SIP/2.0/WS df7jal23ls0d.invalid"), "{}", header(&answer, "Via"));
        // Binary frames carry what is no text.
        let odd = pager().content("application/octet-stream", vec![0xff; 300]).bytes();
        socket.send(Frame::binary(odd.clone())).await.unwrap();
        next(&mut socket).await;
        assert_eq!(app.waiting(ALICE).await, 2);
        let list = app.get(&format!("/api/v1/accounts/{ALICE}/messages")).await.json();
        let id = list["items"][0]["id"].as_str().unwrap();
        assert_eq!(app.get(&format!("/api/v1/accounts/{ALICE}/messages/{id}/raw")).await.body, odd);
        // Both kinds of keep-alive.
        socket.send(Frame::text("\r\n\r\n")).await.unwrap();
        assert_eq!(next(&mut socket).await, Frame::text("\r\n"));
        socket.send(Frame::Ping("x".into())).await.unwrap();
        assert_eq!(next(&mut socket).await, Frame::Pong("x".into()));
        // Two messages in a frame are none.
        socket.send(Frame::text("nonsense")).await.unwrap();
        socket.send(Frame::text(from_a_page().replace("SIP/2.0\r\n", "SIP/7.0\r\n"))).await.unwrap();
        let Frame::Text(answer) = next(&mut socket).await else { panic!("not a text") };
        assert_eq!(status(&Message::parse(answer.into()).unwrap()), 505);
    }

    async fn whoever_does_not_speak_sip_is_refused(app: TestApp, "[sip]\nws_listen = ['127.0.0.1:0']") {
        assert_eq!(refusal(connect(&app, None, None).await), 400);
        assert_eq!(refusal(connect(&app, Some("mqtt"), None).await), 400);
    }

    /// A page in a browser on a trusted machine speaks for whoever wrote it.
    async fn pages_of_other_origins_are_refused(
        app: TestApp, "[sip]\nws_listen = ['127.0.0.1:0']\nwebsocket_origins = ['https://chat.example.org']"
    ) {
        assert_eq!(refusal(connect(&app, Some("sip"), Some("https://evil.example")).await), 403);
        assert_eq!(refusal(connect(&app, Some("sip"), Some("null")).await), 403);
        assert!(connect(&app, Some("sip"), Some("https://chat.example.org")).await.is_ok());
    }

    async fn a_frame_that_is_too_large_ends_the_connection(
        app: TestApp, "[sip]\nws_listen = ['127.0.0.1:0']\n[policy]\nmax_message_bytes = 4096"
    ) {
        let mut socket = connect(&app, Some("sip"), None).await.unwrap();
        let large = pager().text(&"x".repeat(5000)).bytes();
        socket.send(Frame::binary(large)).await.unwrap();
        let end = timeout(PATIENCE, socket.next()).await.expect("it ends");
        assert!(!matches!(end, Some(Ok(Frame::Text(_) | Frame::Binary(_)))), "{end:?}");
        assert_eq!(app.waiting(ALICE).await, 0);
    }
}
