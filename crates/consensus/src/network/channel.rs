//! Connections to peers, made by an injected connector.

use std::{error::Error, fmt, io, pin::Pin, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use quorate_model::DoorAddress;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::{Channel, Endpoint};

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection may be silent before it is pinged, and how long the answer may take: a half-open
/// connection is dropped within the sum of the two.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection: bytes in and out.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A connection of any kind.
pub type BoxIo = Pin<Box<dyn Io>>;

/// Opens connections to peers. Injected, so that a simulated node connects over a simulated network.
pub trait Connector: fmt::Debug + Send + Sync + 'static {
    /// Opens a connection to a peer's door.
    fn connect(&self, address: DoorAddress) -> BoxFuture<'static, io::Result<BoxIo>>;
}

/// A connection could not be opened: nothing of the call reached the peer.
#[derive(Debug, thiserror::Error)]
#[error("cannot connect to {address}: {source}")]
struct ConnectFailed {
    address: DoorAddress,
    source: io::Error,
}

/// A channel to the peer at `address`, which connects when it is first used and again whenever it must.
pub(crate) fn open(connector: &Arc<dyn Connector>, address: &DoorAddress) -> Channel {
    let endpoint = Endpoint::try_from(format!("http://{address}"))
        .expect("a door address is a valid authority")
        .http2_keep_alive_interval(KEEPALIVE_INTERVAL)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    let (connector, address) = (Arc::clone(connector), address.clone());
    endpoint.connect_with_connector_lazy(tower::service_fn(move |_uri: http::Uri| {
        let (connecting, address) = (connector.connect(address.clone()), address.clone());
        async move {
            // Not tonic's own connect timeout: its error could not be told from that of a call under way.
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
            match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(io) => Ok(TokioIo::new(io)),
                Err(source) => Err(ConnectFailed { address, source }),
            }
        }
    }))
}

/// Whether a failed call did not even get a connection, so that the peer cannot have seen it.
pub(crate) fn never_connected(status: &tonic::Status) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectFailed>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The innermost cause says what happened; the outer ones only that something did.
pub(crate) fn describe(status: &tonic::Status) -> String {
    let mut cause: Option<&(dyn Error + 'static)> = status.source();
    let mut message = status.message().to_owned();
    while let Some(error) = cause {
        message = error.to_string();
        cause = error.source();
    }
    message
}
