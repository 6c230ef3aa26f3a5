//! The edge: what every request passes on its way in and every answer on its way out.
//!
//! In: the door's limit on requests in flight, then the deadline. Out: the reason of a failure, if whoever failed
//! did not state one. Around both: one span.

mod timing;

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use quorate_model::Clock;
use quorate_proto::status::{REASON_KEY, Reason};
use tokio::sync::{Semaphore, watch};
use tonic::{
    Code, Status,
    body::Body,
    codegen::{Body as HttpBody, Bytes, StdError},
};
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::{Limits, error};

pub(super) use timing::TimeLeft;

/// The paths of our own services. Those of others, health above all, are not turned away under load: whoever
/// watches a member would take it for dead just when it has much to do.
const OUR_SERVICES: &str = "/quorate.";

/// Those by which leases are renewed. The lessor has limits of its own for them.
const RENEWALS: [&str; 2] = [
    "/quorate.registry.v1.Leases/KeepAlive",
    "/quorate.registry.v1.Leases/Renew",
];

/// Puts services behind the edge.
#[derive(Debug, Clone)]
pub(super) struct EdgeLayer {
    shared: Arc<Shared>,
}

/// Services behind the edge.
#[derive(Debug, Clone)]
pub(super) struct Edge<S> {
    inner: S,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    limits: Limits,
    in_flight: Semaphore,
    /// Whether this member was removed from its cluster: then it has nothing to say any more.
    removed: watch::Receiver<bool>,
}

// === impl EdgeLayer ===

impl EdgeLayer {
    pub(super) fn new(clock: Arc<dyn Clock>, limits: Limits, removed: watch::Receiver<bool>) -> Self {
        let shared = Shared {
            clock,
            limits,
            in_flight: Semaphore::new(limits.requests_in_flight_max),
            removed,
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl<S> Layer<S> for EdgeLayer {
    type Service = Edge<S>;

    fn layer(&self, inner: S) -> Edge<S> {
        let shared = Arc::clone(&self.shared);
        Edge { inner, shared }
    }
}

// === impl Edge ===

impl<S, B, R> Service<Request<B>> for Edge<S>
where
    S: Service<Request<B>, Response = Response<R>, Error: Send, Future: Send> + Clone + Send + 'static,
    B: Send + 'static,
    R: HttpBody<Data = Bytes, Error: Into<StdError>> + Send + 'static,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<Body>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = request.uri().path().to_owned();
        let span = tracing::debug_span!("request", method);
        let shared = Arc::clone(&self.shared);
        // The one that was polled ready is the one to call; its clone has to wait its turn.
        let next = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, next);
        let answering = async move {
            let started = shared.clock.now();
            let response = shared.answer(inner, request, &method).await?;
            let duration_ms = shared.clock.now().saturating_sub(started).as_millis();
            tracing::debug!(code = ?code(response.headers()), duration_ms, "answered");
            Ok(response)
        };
        Box::pin(answering.instrument(span))
    }
}

// === impl Shared ===

impl Shared {
    async fn answer<S, B, R>(
        &self,
        mut inner: S,
        mut request: Request<B>,
        method: &str,
    ) -> Result<Response<Body>, S::Error>
    where
        S: Service<Request<B>, Response = Response<R>>,
        R: HttpBody<Data = Bytes, Error: Into<StdError>> + Send + 'static,
    {
        if request.version() < Version::HTTP_2 {
            return Ok(version_not_supported());
        }
        if method.starts_with(OUR_SERVICES) && *self.removed.borrow() {
            return Ok(removed().into_http());
        }
        let _permit = match self.in_flight.try_acquire() {
            Ok(permit) => Some(permit),
            Err(_) if is_turned_away(method) => return Ok(self.overloaded().into_http()),
            Err(_) => None,
        };
        let time_left = TimeLeft::of(request.headers(), &self.limits);
        request.extensions_mut().insert(time_left);
        match time_left.wait_for(inner.call(request)).await {
            Ok(response) => Ok(with_reason(response?, method)),
            Err(status) => Ok(status.into_http()),
        }
    }

    fn overloaded(&self) -> Status {
        let most = self.limits.requests_in_flight_max;
        let message = format!("{most} requests are under way, as many as this member takes: ask another member");
        Reason::Overloaded.status(message)
    }
}

/// Whether a method is turned away under load. Renewals are not: what is registered lives by them, and whoever is taken
/// for dead comes back with more to do for everybody.
fn is_turned_away(method: &str) -> bool {
    method.starts_with(OUR_SERVICES) && !RENEWALS.contains(&method)
}

/// What is said to those who do not speak gRPC: it is defined over HTTP/2 alone.
fn version_not_supported() -> Response<Body> {
    let mut response = Response::new(Body::new("gRPC takes HTTP/2\n".to_owned()));
    *response.status_mut() = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
    response
}

fn removed() -> Status {
    Reason::Removed.status("this member was removed from the cluster and stops: ask another one")
}

/// The response, with a reason if it is a failure without one.
fn with_reason<R>(response: Response<R>, method: &str) -> Response<Body>
where
    R: HttpBody<Data = Bytes, Error: Into<StdError>> + Send + 'static,
{
    let headers = response.headers();
    let stated = code(headers) == Code::Ok || headers.contains_key(REASON_KEY);
    match Status::from_header_map(headers) {
        Some(status) if !stated => error::foreign(&status, method).into_http(),
        Some(_) | None => response.map(Body::new),
    }
}

/// How a call ended, as far as the head of its response says so.
fn code(headers: &HeaderMap) -> Code {
    headers
        .get(Status::GRPC_STATUS)
        .map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()))
}
