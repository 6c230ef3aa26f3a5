//! How a probe comes to its connection.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
};

use futures::future::BoxFuture;
use quorate_consensus::BoxIo;
use quorate_model::{AddressKind, Endpoint};

use super::policy::{Network, ProbePolicy};

/// Addresses of one name that are tried: a name may have any number, and a probe has little time.
const ADDRESSES_MAX: usize = 4;

/// Opens connections to what is probed. Injected, so that a simulated node connects over a simulated network.
///
/// Finding the addresses of a name and connecting to one are apart, because what lies between them is the policy: it
/// sees every address before anything is sent there, also where a name leads to it.
pub trait Dial: fmt::Debug + Send + Sync + 'static {
    /// The addresses of a host name, the best ones first.
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;

    /// Opens a connection.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<BoxIo>>;
}

/// No connection could be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("{host} is not found: {error}")]
    NotFound { host: String, error: io::Error },
    #[error("{host} has no address")]
    NoAddress { host: String },
    #[error("this member must not probe {ip}: it is in {network}")]
    Refused { ip: IpAddr, network: Network },
    #[error("cannot connect to {address}: {error}")]
    Failed { address: SocketAddr, error: io::Error },
}

/// Opens a connection to the first address of `endpoint` that the policy allows and that answers.
pub(super) async fn reach(dial: &dyn Dial, policy: &ProbePolicy, endpoint: &Endpoint) -> Result<BoxIo, DialError> {
    let ips = match endpoint.address.kind() {
        AddressKind::Ip(ip) => vec![*ip],
        AddressKind::Host(host) => resolve(dial, host).await?,
    };
    let mut failure = DialError::NoAddress {
        host: endpoint.address.to_string(),
    };
    for ip in ips.into_iter().take(ADDRESSES_MAX) {
        if let Some(network) = policy.refusing(ip) {
            failure = DialError::Refused { ip, network };
            continue;
        }
        let address = SocketAddr::new(ip, endpoint.port.get());
        match dial.connect(address).await {
            Ok(io) => return Ok(io),
            Err(error) => failure = DialError::Failed { address, error },
        }
    }
    Err(failure)
}

async fn resolve(dial: &dyn Dial, host: &str) -> Result<Vec<IpAddr>, DialError> {
    dial.resolve(host).await.map_err(|error| DialError::NotFound {
        host: host.to_owned(),
        error,
    })
}
