//! The doors as they are served.

use std::{convert::Infallible, time::Duration};

use futures::Stream;
use quorate_registry::{Policy, Tasks};
use tonic::{service::Routes, transport::Server};

use crate::listener::Connection;

/// Connections to the peer door at a time: some for each member, and some for those who want to join.
pub(super) const PEER_CONNECTIONS_MAX: usize = 1_024;

/// Requests at a time on one connection: one client should not have all that a node can do at a time.
const STREAMS_PER_CONNECTION_MAX: u32 = 1_024;

/// How long a connection may be silent before it is asked for a sign of life, and how long that may take: what
/// nobody closes, as of a client that lost its power, is closed here.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes on their way in one stream of a peer: some appends, so that replication does not wait for a round trip.
const PEER_STREAM_WINDOW: u32 = 4 << 20;
const PEER_CONNECTION_WINDOW: u32 = 16 << 20;

/// Serves `routes` to clients. When the tasks are told to stop, no new connection is taken, and the task ends
/// with the last request that was under way.
pub(super) fn serve_clients(
    routes: Routes,
    incoming: impl Stream<Item = Result<Connection, Infallible>> + Send + 'static,
    tasks: &Tasks,
) {
    let stopping = tasks.stopping().cancelled_owned();
    // Metrics are scraped by HTTP/1.1, whose connections close when no request comes for 30 seconds.
    let both = server().accept_http1(true);
    let serving = both.serve_with_incoming_shutdown(routes.prepare(), incoming, stopping);
    tasks.spawn_finishing("client-door", Policy::Essential, async {
        log_error("client", serving.await);
    });
}

/// Serves `routes` to the other members, until the tasks are told to stop: their streams never end by themselves.
pub(super) fn serve_peers(
    routes: Routes,
    incoming: impl Stream<Item = Result<Connection, Infallible>> + Send + 'static,
    tasks: &Tasks,
) {
    let wide = server()
        .initial_stream_window_size(PEER_STREAM_WINDOW)
        .initial_connection_window_size(PEER_CONNECTION_WINDOW);
    let serving = wide.serve_with_incoming(routes.prepare(), incoming);
    tasks.spawn("peer-door", Policy::Essential, async {
        log_error("peer", serving.await);
    });
}

/// Calls that were given up before they were looked at, on one connection. After a pause there are as many as were
/// under way; with more than this the whole connection ends, and everybody's calls with it.
const RESETS_PENDING_MAX: usize = STREAMS_PER_CONNECTION_MAX as usize;

fn server() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_PER_CONNECTION_MAX)
        .http2_keepalive_interval(Some(KEEPALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .http2_max_pending_accept_reset_streams(Some(RESETS_PENDING_MAX))
}

fn log_error(door: &'static str, served: Result<(), tonic::transport::Error>) {
    if let Err(error) = served {
        tracing::error!(door, %error, "a door is not served any more");
    }
}
