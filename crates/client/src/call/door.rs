//! The client door of one member, and the connection to it.

use std::{fmt, time::Duration};

use quorate_model::DoorAddress;
use tokio::{sync::OnceCell, time::timeout};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

use crate::call::failure::{self, Failure};

/// How often an idle-looking connection with a request under way is asked for a sign of life.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// How long the sign of life may take before the connection counts as broken.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// A member's client door. Connected when first needed, and again by itself when the connection breaks.
#[derive(Debug)]
pub(super) struct Door {
    address: DoorAddress,
    connect_timeout: Duration,
    channel: OnceCell<Channel>,
}

// === impl Door ===

impl Door {
    pub(super) fn new(address: DoorAddress, connect_timeout: Duration) -> Self {
        Self {
            address,
            connect_timeout,
            channel: OnceCell::new(),
        }
    }

    /// Asks the member once and waits for its answer no longer than `patience`, of which it is told.
    pub(super) async fn ask<Q, M, F, R>(&self, request: &Q, send: &F, patience: Duration) -> Result<M, Failure>
    where
        Q: Clone,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        let started = tokio::time::Instant::now();
        let channel = self.connected(patience).await?;
        let left = patience.saturating_sub(started.elapsed());
        let mut request = Request::new(request.clone());
        request.set_timeout(left);
        match timeout(left, send(channel, request)).await {
            Ok(Ok(response)) => Ok(response.into_inner()),
            Ok(Err(status)) => Err(Failure::from_status(&self.address, &status)),
            Err(_) => Err(Failure::no_answer(&self.address)),
        }
    }

    /// The connection to the member. Whatever goes wrong here, nothing has been sent.
    async fn connected(&self, patience: Duration) -> Result<Channel, Failure> {
        let limit = patience.min(self.connect_timeout);
        let unreachable = |problem: &dyn fmt::Display| Failure::unreachable(&self.address, problem);
        match timeout(limit, self.channel.get_or_try_init(|| self.connect())).await {
            Ok(Ok(channel)) => Ok(channel.clone()),
            // Those above the last one only say "transport error".
            Ok(Err(error)) => Err(unreachable(&failure::chain(&error).last().unwrap_or(&error))),
            Err(_) => Err(unreachable(&format_args!("no connection within {limit:.1?}"))),
        }
    }

    async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        Endpoint::from_shared(format!("http://{}", self.address))?
            .connect_timeout(self.connect_timeout)
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .connect()
            .await
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}
