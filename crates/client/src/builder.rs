//! How a client is put together.

use std::{sync::Arc, time::Duration};

use quorate_model::{ClusterId, Consistency, DoorAddress, NamespaceName, limits::MEMBERS_MAX};
use rand::{RngExt as _, SeedableRng as _, rngs::SmallRng};

use crate::{
    Client, Connector, Error, TcpConnector,
    call::{Caller, CallerParts},
};

/// How long a request may take in all, unless told otherwise: longer than an election.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(5);

/// How long a connection may take to come about, unless told otherwise: long for a network, short for a deadline.
pub const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(1);

/// The longest time that a request or a connection may be given: nobody waits longer, and clocks do not overflow.
pub const DEADLINE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Builds a [`Client`].
#[derive(Debug, Clone)]
pub struct Builder {
    endpoints: Vec<DoorAddress>,
    namespace: NamespaceName,
    deadline: Duration,
    connect_timeout: Duration,
    cluster_id: Option<ClusterId>,
    consistency: Option<Consistency>,
    connector: Arc<dyn Connector>,
    discovers: bool,
    seed: Option<u64>,
}

// === impl Builder ===

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            endpoints: Vec::new(),
            namespace: NamespaceName::default(),
            deadline: DEADLINE_DEFAULT,
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            cluster_id: None,
            consistency: None,
            connector: Arc::new(TcpConnector),
            discovers: true,
            seed: None,
        }
    }

    /// The client doors of members, asked in this order until one answers. At least one, and no more than a cluster
    /// can have members. They are never forgotten, whatever becomes of the members.
    #[must_use]
    pub fn endpoints(mut self, endpoints: impl IntoIterator<Item = DoorAddress>) -> Self {
        self.endpoints = endpoints.into_iter().collect();
        self
    }

    /// The namespace that all requests are about; "default" otherwise.
    #[must_use]
    pub fn namespace(mut self, namespace: NamespaceName) -> Self {
        self.namespace = namespace;
        self
    }

    /// How long a request may take in all, attempts at several members included; [`DEADLINE_DEFAULT`] otherwise.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long a connection may take to come about; [`CONNECT_TIMEOUT_DEFAULT`] otherwise.
    #[must_use]
    pub fn connect_timeout(mut self, connect_timeout: Duration) -> Self {
        self.connect_timeout = connect_timeout;
        self
    }

    /// The cluster that has to answer; otherwise the one that answers first.
    #[must_use]
    pub fn cluster_id(mut self, cluster_id: ClusterId) -> Self {
        self.cluster_id = Some(cluster_id);
        self
    }

    /// How fresh the answers to reads have to be, unless [`Client::with_consistency`] says otherwise.
    ///
    /// Otherwise they are not older than the newest state that the client or one of its clones has seen, in answers to
    /// writes and reads: it reads what it wrote, on every member, and never goes back in time.
    #[must_use]
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = Some(consistency);
        self
    }

    /// Opens the connections to members: with TLS, or in a simulation; [`TcpConnector`] otherwise.
    #[must_use]
    pub fn connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connector = connector;
        self
    }

    /// Whether the client learns from the cluster who its members are, and goes to the leader by itself with what
    /// changes something; true otherwise.
    ///
    /// With `false` it asks nobody but the endpoints that it was given, whichever answers.
    #[must_use]
    pub fn discover(mut self, discovers: bool) -> Self {
        self.discovers = discovers;
        self
    }

    /// Seeds the random part of the waits between attempts, so that a run repeats.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// The client. Connects to nobody yet.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] if there is no endpoint, or more than a cluster has members, and if there is no time or
    /// more than [`DEADLINE_MAX`].
    pub fn build(self) -> Result<Client, Error> {
        let refused = |message: &str| Error::InvalidArgument {
            message: message.to_owned(),
        };
        if self.endpoints.is_empty() {
            return Err(refused(
                "no endpoint is given; give the client door of at least one member",
            ));
        }
        if self.endpoints.len() > MEMBERS_MAX {
            return Err(refused(&format!(
                "{} endpoints are given; a cluster has at most {MEMBERS_MAX} members",
                self.endpoints.len()
            )));
        }
        if self.deadline.is_zero() || self.connect_timeout.is_zero() {
            return Err(refused(
                "a deadline or connect timeout of 0 leaves no time for an answer",
            ));
        }
        if self.deadline > DEADLINE_MAX || self.connect_timeout > DEADLINE_MAX {
            return Err(refused("a deadline or connect timeout is over a day; make it shorter"));
        }
        let caller = Caller::new(CallerParts {
            endpoints: self.endpoints,
            connector: self.connector,
            connect_timeout: self.connect_timeout,
            deadline: self.deadline,
            cluster_id: self.cluster_id,
            discovers: self.discovers,
            rng: SmallRng::seed_from_u64(self.seed.unwrap_or_else(random_seed)),
        });
        Ok(Client::new(caller, self.namespace, self.consistency))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the default of what a test or a simulation injects as a seed"
)]
fn random_seed() -> u64 {
    rand::rng().random()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_endpoint_or_time_or_with_too_much_is_refused() {
        let message = Client::builder().build().unwrap_err().to_string();
        assert!(message.contains("no endpoint"), "{message}");
        let door: DoorAddress = "127.0.0.1:7300".parse().unwrap();
        let builder = Client::builder().endpoints([door]);
        assert!(builder.clone().deadline(Duration::ZERO).build().is_err());
        assert!(builder.clone().deadline(Duration::MAX).build().is_err());
        assert!(builder.connect_timeout(Duration::ZERO).build().is_err());
        let door = |port: u16| format!("127.0.0.1:{port}").parse().unwrap();
        assert!(Client::builder().endpoints((1..=65).map(door)).build().is_err());
    }
}
