//! The client door of one member, and the connection to it.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use quorate_model::DoorAddress;
use tokio::{
    sync::OnceCell,
    time::{Instant, timeout},
};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint},
};

use crate::{
    Connector,
    call::failure::{self, Failure},
};

/// How often an idle-looking connection with a request under way is asked for a sign of life.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(2);

/// How long the sign of life may take before the connection counts as broken: with the interval before it, less
/// than the default deadline.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a member that could not be reached, or did not answer, comes after all others; twice as long each time.
const REST_FIRST: Duration = Duration::from_secs(1);

/// The longest rest: a member that has come back is used again by then.
const REST_LONGEST: Duration = Duration::from_secs(30);

/// How doors are opened.
#[derive(Debug, Clone)]
pub(super) struct Locksmith {
    pub(super) connector: Arc<dyn Connector>,
    pub(super) connect_timeout: Duration,
}

/// A member's client door. Connected when first needed, and again by itself when the connection breaks.
#[derive(Debug)]
pub(crate) struct Door {
    address: DoorAddress,
    locksmith: Locksmith,
    channel: OnceCell<Channel>,
    rest: Mutex<Rest>,
}

/// Whether a door comes after all others for a while, because nobody answered behind it.
#[derive(Debug, Default)]
struct Rest {
    until: Option<Instant>,
    /// How long the last one was.
    length: Duration,
}

// === impl Door ===

impl Door {
    pub(super) fn new(address: DoorAddress, locksmith: Locksmith) -> Self {
        Self {
            address,
            locksmith,
            channel: OnceCell::new(),
            rest: Mutex::default(),
        }
    }

    pub(crate) fn address(&self) -> &DoorAddress {
        &self.address
    }

    /// Whether others are to be asked first.
    pub(crate) fn is_resting(&self) -> bool {
        self.rest().until.is_some_and(|until| Instant::now() < until)
    }

    /// Asks the member once and waits for its answer no longer than `patience`, of which it is told.
    pub(super) async fn ask<Q, M, F, R>(&self, request: &Q, send: &F, patience: Duration) -> Result<M, Failure>
    where
        Q: Clone,
        F: Fn(Channel, Request<Q>) -> R,
        R: Future<Output = Result<Response<M>, Status>>,
    {
        let started = Instant::now();
        let channel = self.connected(patience).await.inspect_err(|_| self.take_a_rest())?;
        let left = patience.saturating_sub(started.elapsed());
        let mut request = Request::new(request.clone());
        request.set_timeout(left);
        let failure = match timeout(left, send(channel, request)).await {
            Ok(Ok(response)) => {
                *self.rest() = Rest::default();
                return Ok(response.into_inner());
            }
            Ok(Err(status)) => Failure::from_status(&self.address, &status),
            Err(_) => Failure::no_answer(&self.address),
        };
        if failure.is_silence() {
            self.take_a_rest();
        }
        Err(failure)
    }

    /// The connection to the member. Whatever goes wrong here, nothing has been sent.
    async fn connected(&self, patience: Duration) -> Result<Channel, Failure> {
        let limit = patience.min(self.locksmith.connect_timeout);
        let unreachable = |problem: &dyn fmt::Display| Failure::unreachable(&self.address, problem);
        match timeout(limit, self.channel.get_or_try_init(|| self.connect())).await {
            Ok(Ok(channel)) => Ok(channel.clone()),
            // Those above the last one only say "transport error".
            Ok(Err(error)) => Err(unreachable(&failure::chain(&error).last().unwrap_or(&error))),
            Err(_) => Err(unreachable(&format_args!("no connection within {limit:.1?}"))),
        }
    }

    async fn connect(&self) -> Result<Channel, tonic::transport::Error> {
        let (address, locksmith) = (self.address.clone(), self.locksmith.clone());
        let connector = tower::service_fn(move |_uri| {
            let (connecting, limit) = (locksmith.connector.connect(&address), locksmith.connect_timeout);
            async move {
                let connected = timeout(limit, connecting).await;
                connected
                    .unwrap_or_else(|_| {
                        Err(io::Error::new(
                            io::ErrorKind::TimedOut,
                            format!("no connection within {limit:.1?}"),
                        ))
                    })
                    .map(TokioIo::new)
            }
        });
        Endpoint::from_shared(format!("http://{}", self.address))?
            .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .connect_with_connector(connector)
            .await
    }

    /// Has others be asked first for a while.
    pub(super) fn take_a_rest(&self) {
        let mut rest = self.rest();
        rest.length = (rest.length * 2).clamp(REST_FIRST, REST_LONGEST);
        rest.until = Some(Instant::now() + rest.length);
    }

    fn rest(&self) -> MutexGuard<'_, Rest> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TcpConnector;

    #[tokio::test(start_paused = true)]
    async fn a_door_rests_longer_each_time_up_to_a_bound() {
        let locksmith = Locksmith {
            connector: Arc::new(TcpConnector),
            connect_timeout: REST_FIRST,
        };
        let door = Door::new("127.0.0.1:1".parse().unwrap(), locksmith);
        assert!(!door.is_resting());
        for rest_s in [1, 2, 4, 8, 16, 30, 30] {
            door.take_a_rest();
            tokio::time::advance(Duration::from_millis(rest_s * 1_000 - 1)).await;
            assert!(door.is_resting(), "{rest_s} s");
            tokio::time::advance(Duration::from_millis(1)).await;
            assert!(!door.is_resting(), "{rest_s} s");
        }
    }
}
