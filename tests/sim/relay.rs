//! What becomes of requests on their way: a network that delivers each message once and in order says nothing of a
//! request that is sent again, or arrives when nobody waits for it any more.
//!
//! A relayed connection ends at a proxy on the host that opened it, which speaks HTTP/2 on both sides and can hold a
//! request back, or send a copy of it later. Copies are made of what may come twice: of raft's requests, and of those of
//! clients that write in sessions.

mod messages;

use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, request::Parts};
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2::SendRequest,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use quorate_consensus::BoxIo;
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use messages::Messages;

/// The bytes that a relayed connection takes ahead of its reader.
const CAPACITY: usize = 65_536;

/// How long the far side of a relayed connection may be silent before it is pinged, and may take to answer: as members
/// do it themselves.
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// Longest that a request is held back: shorter than most deadlines, so that it counts.
const DELAY_MAX_MS: u64 = 800;

/// Longest until a copy arrives: by then there may be another leader.
const COPY_AFTER_MAX_MS: u64 = 3_000;

/// What raft asks.
const RAFT: &str = "/quorate.peer.v1.Raft/";

/// What clients ask.
const REGISTRY: &str = "/quorate.registry.v1.";

/// How members are told what is renewed.
const REPLICATE: &str = "/quorate.peer.v1.Renewals/Replicate";

/// Between two looks whether a request that waits may go on.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What takes as long as it likes, in many messages.
const STREAMS: [&str; 2] = ["Append", "InstallSnapshot"];

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Does with requests what the plan says.
#[derive(Debug)]
pub(crate) struct Relay(Mutex<State>);

#[derive(Debug)]
struct State {
    rng: SmallRng,
    mode: Mode,
    /// The host that is not told of renewals.
    untold: Option<Arc<str>>,
    /// Requests that were held back or copied since it began to.
    meddled: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Faithful,
    Delay,
    Repeat,
}

/// What is done with one message.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Sent,
    HeldBack(Duration),
    SentAgain(Duration),
}

// === impl Relay ===

impl Relay {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new(State {
            rng: SmallRng::seed_from_u64(seed),
            mode: Mode::Faithful,
            untold: None,
            meddled: 0,
        }))
    }

    /// Holds requests back from now on.
    pub(crate) fn delay(&self) {
        self.lock().mode = Mode::Delay;
    }

    /// Sends copies of requests from now on.
    pub(crate) fn repeat(&self) {
        self.lock().mode = Mode::Repeat;
    }

    /// Whether it does either.
    pub(crate) fn is_meddling(&self) -> bool {
        self.lock().mode != Mode::Faithful
    }

    /// Does neither any more, and tells how many requests it has done it to.
    pub(crate) fn stop_meddling(&self) -> u64 {
        let mut state = self.lock();
        state.mode = Mode::Faithful;
        std::mem::take(&mut state.meddled)
    }

    /// Has nobody tell this host of renewals from now on; everybody tells every host again, if there is none.
    pub(crate) fn leave_untold(&self, host: Option<Arc<str>>) {
        self.lock().untold = host;
    }

    /// Whether a host is not told of renewals.
    pub(crate) fn leaves_untold(&self) -> bool {
        self.lock().untold.is_some()
    }

    /// A connection to `host` whose requests go through here on their way to `io`.
    ///
    /// Copies are made only where `may_repeat`: a write of a client without a session may take effect as often as it
    /// arrives.
    pub(crate) async fn through(self: Arc<Self>, io: BoxIo, host: Arc<str>, may_repeat: bool) -> io::Result<BoxIo> {
        let (near, far) = tokio::io::duplex(CAPACITY);
        let (send, upstream) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(2 * KEEP_ALIVE)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(io))
            .await
            .map_err(io::Error::other)?;
        let service = service_fn(move |request| {
            let (relay, send, host) = (Arc::clone(&self), send.clone(), Arc::clone(&host));
            async move {
                relay.hold_back(&host, &request).await;
                relay.forward(send, request, may_repeat).await
            }
        });
        let downstream =
            hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(far), service);
        spawn(async move {
            // When one side is gone, so is the other.
            tokio::select! {
                biased;
                _ = upstream => {}
                _ = downstream => {}
            }
        });
        Ok(Box::pin(near))
    }

    /// Lets a request wait for as long as the host is not to be told.
    async fn hold_back(&self, host: &str, request: &Request<Incoming>) {
        let is_held = || request.uri().path() == REPLICATE && self.lock().untold.as_deref() == Some(host);
        while is_held() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn forward(
        self: Arc<Self>,
        mut send: SendRequest<Body>,
        request: Request<Incoming>,
        may_repeat: bool,
    ) -> Result<Response<Incoming>, hyper::Error> {
        let (head, body) = request.into_parts();
        if STREAMS.iter().any(|method| head.uri.path().ends_with(method)) {
            let body = self.stream(&send, &head, body, may_repeat);
            return send.send_request(Request::from_parts(head, body)).await;
        }
        let body = body.collect().await?.to_bytes();
        match self.draw(&head, may_repeat) {
            Fate::Sent => {}
            Fate::HeldBack(time) => tokio::time::sleep(time).await,
            Fate::SentAgain(after) => send_copy(send.clone(), head.clone(), body.clone(), after),
        }
        send.send_request(Request::from_parts(head, whole(body))).await
    }

    /// The messages of a stream, as they come or late; copies of some are sent as streams of their own.
    fn stream(self: &Arc<Self>, send: &SendRequest<Body>, head: &Parts, body: Incoming, may_repeat: bool) -> Body {
        let (relay, send, head) = (Arc::clone(self), send.clone(), head.clone());
        let messages = Messages::default();
        let frames = futures::stream::unfold((body, messages), move |(mut body, mut messages)| {
            let (relay, send, head) = (Arc::clone(&relay), send.clone(), head.clone());
            async move {
                let frame = body.frame().await?;
                if let Some(bytes) = frame.as_ref().ok().and_then(Frame::data_ref) {
                    for message in messages.add(bytes) {
                        match relay.draw(&head, may_repeat) {
                            Fate::Sent => {}
                            Fate::HeldBack(time) => tokio::time::sleep(time).await,
                            Fate::SentAgain(after) => send_copy(send.clone(), head.clone(), message, after),
                        }
                    }
                }
                Some((frame, (body, messages)))
            }
        });
        StreamBody::new(frames).boxed_unsync()
    }

    fn draw(&self, head: &Parts, may_repeat: bool) -> Fate {
        let path = head.uri.path();
        let of_raft = path.starts_with(RAFT) && !path.ends_with("InstallSnapshot");
        let may_repeat = may_repeat && (of_raft || path.starts_with(REGISTRY));
        let mut state = self.lock();
        let is_chosen = state.mode != Mode::Faithful && state.rng.random_range(0..5) == 0;
        let fate = match state.mode {
            Mode::Delay if is_chosen => Fate::HeldBack(state.draw_time(DELAY_MAX_MS)),
            Mode::Repeat if is_chosen && may_repeat => Fate::SentAgain(state.draw_time(COPY_AFTER_MAX_MS)),
            Mode::Faithful | Mode::Delay | Mode::Repeat => return Fate::Sent,
        };
        state.meddled += 1;
        fate
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    fn draw_time(&mut self, most_ms: u64) -> Duration {
        Duration::from_millis(self.rng.random_range(0..=most_ms))
    }
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// Sends a message once more after a while. Nobody waits for the answer.
fn send_copy(mut send: SendRequest<Body>, head: Parts, body: Bytes, after: Duration) {
    spawn(async move {
        tokio::time::sleep(after).await;
        if let Ok(response) = send.send_request(Request::from_parts(head, whole(body))).await {
            drop(response.into_body().collect().await);
        }
    });
}

#[expect(
    clippy::disallowed_methods,
    reason = "a task of the network, which ends with its host"
)]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
