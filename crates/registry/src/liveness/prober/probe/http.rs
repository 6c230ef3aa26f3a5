//! A request over HTTP/1.1, on a connection of its own.

use std::pin::pin;

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use quorate_consensus::BoxIo;
use quorate_model::{BodyText, Endpoint, HttpProbe};

use super::Problem;

/// How much of a body is looked at.
const BODY_LEN_MAX: usize = 64 << 10;

/// How much of an answer is held before its headers have ended: more than any server that is well sends.
const HEADERS_LEN_MAX: usize = 32 << 10;

/// Whom the request says that it comes from, unless the check says otherwise.
const USER_AGENT: &str = "quorate-probe";

/// Asks as `probe` says, and answers the status if it is a good one.
pub(super) async fn ask(io: BoxIo, probe: &HttpProbe, endpoint: &Endpoint) -> Result<String, Problem> {
    let request = request(probe, endpoint)?;
    let mut builder = http1::Builder::new();
    builder.max_buf_size(HEADERS_LEN_MAX);
    let handshake = builder.handshake(TokioIo::new(io)).await;
    let (mut sender, connection) = handshake.map_err(|error| describe(&error))?;
    let asked = async {
        let answer = sender.send_request(request).await.map_err(|error| describe(&error))?;
        judge(answer, probe).await
    };
    let mut asked = pin!(asked);
    tokio::select! {
        biased;
        found = &mut asked => found,
        // Once the connection has ended, all that came of it has come.
        _ended = connection => asked.await,
    }
}

fn request(probe: &HttpProbe, endpoint: &Endpoint) -> Result<Request<Empty<Bytes>>, Problem> {
    let parts = probe.parts();
    let mut request = Request::builder()
        .method(parts.method.as_str())
        .uri(parts.path.as_str());
    if parts.headers.get("host").is_none() {
        request = request.header(header::HOST, endpoint.to_string());
    }
    if parts.headers.get("user-agent").is_none() {
        request = request.header(header::USER_AGENT, USER_AGENT);
    }
    for (name, value) in &parts.headers {
        request = request.header(name.as_str(), value.as_str());
    }
    // No other request follows.
    request = request.header(header::CONNECTION, "close");
    let request = request.body(Empty::new());
    request.map_err(|error| format!("the request cannot be made: {error}"))
}

async fn judge(answer: Response<Incoming>, probe: &HttpProbe) -> Result<String, Problem> {
    let parts = probe.parts();
    let status = answer.status();
    let said = format!("HTTP {}", status.as_u16());
    if !parts.status.contains(status.as_u16()) {
        return Err(said);
    }
    let Some(text) = &parts.body_contains else {
        return Ok(said);
    };
    if contains(answer.into_body(), text).await? {
        Ok(said)
    } else {
        Err(format!("{said}, and the body does not contain what it should"))
    }
}

/// Whether the beginning of the body contains the text.
async fn contains(mut body: Incoming, text: &BodyText) -> Result<bool, Problem> {
    let text = text.as_str().as_bytes();
    let mut seen: Vec<u8> = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| describe(&error))?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let room = BODY_LEN_MAX - seen.len();
        // What was searched already can only be the beginning of the text.
        let from = seen.len().saturating_sub(text.len() - 1);
        seen.extend(data.iter().take(room));
        if seen[from..].windows(text.len()).any(|window| window == text) {
            return Ok(true);
        }
        if seen.len() == BODY_LEN_MAX {
            break;
        }
    }
    Ok(false)
}

/// The innermost cause says what happened.
fn describe(error: &hyper::Error) -> Problem {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        words = format!("{words}: {inner}");
        cause = inner.source();
    }
    words
}
