//! The doors and connections of a simulated node: turmoil's network, behind the gate of the node.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures::future::BoxFuture;
use quorate_consensus::{BoxIo, runtime::Gate};
use quorate_model::DoorAddress;
use quorate_server::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use turmoil::net::{TcpListener, TcpStream};

use crate::relay::Relay;

/// The port of the door for clients, on every host.
pub(crate) const CLIENT_PORT: u16 = 7300;

/// The port of the door for other members.
pub(crate) const PEER_PORT: u16 = 7400;

/// A door on the simulated network.
pub(crate) struct Door {
    listener: TcpListener,
    gate: Gate,
}

/// Opens connections over the simulated network.
#[derive(Clone)]
pub(crate) struct Wire {
    gate: Gate,
    relay: Option<Arc<Relay>>,
    may_repeat: bool,
}

/// A connection that stands still while the gate of its node is closed.
struct GatedIo {
    stream: TcpStream,
    gate: Gate,
}

/// Where the clients' door of a host is.
pub(crate) fn client_door(host: &str) -> DoorAddress {
    door(host, CLIENT_PORT)
}

/// Where the door of a host for other members is.
pub(crate) fn peer_door(host: &str) -> DoorAddress {
    door(host, PEER_PORT)
}

fn door(host: &str, port: u16) -> DoorAddress {
    format!("{host}:{port}").parse().expect("a host's name and a port")
}

// === impl Door ===

impl Door {
    /// Opens a door of the present host.
    pub(crate) async fn open(port: u16, gate: &Gate) -> io::Result<Self> {
        let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), port)).await?;
        Ok(Self {
            listener,
            gate: gate.clone(),
        })
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
    }
}

impl Listener for Door {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<BoxIo>> {
        Box::pin(async {
            let (stream, _) = self.listener.accept().await?;
            let gate = self.gate.clone();
            Ok(Box::pin(GatedIo { stream, gate }) as BoxIo)
        })
    }
}

// === impl Wire ===

impl Wire {
    /// Connections of a node behind `gate`, whose messages go through `relay` if there is one.
    pub(crate) fn new(gate: Gate, relay: Option<Arc<Relay>>) -> Self {
        Self {
            gate,
            relay,
            may_repeat: true,
        }
    }

    /// Connections whose requests may not come twice.
    pub(crate) fn without_copies(mut self) -> Self {
        self.may_repeat = false;
        self
    }

    async fn open(self, address: DoorAddress) -> io::Result<BoxIo> {
        let stream = TcpStream::connect((address.host().to_string(), address.port().get())).await?;
        let io = Box::pin(GatedIo {
            stream,
            gate: self.gate,
        }) as BoxIo;
        match self.relay {
            None => Ok(io),
            Some(relay) => {
                relay
                    .through(io, address.host().to_string().into(), self.may_repeat)
                    .await
            }
        }
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wire")
    }
}

impl quorate_consensus::Connector for Wire {
    fn connect(&self, address: DoorAddress) -> BoxFuture<'static, io::Result<BoxIo>> {
        Box::pin(self.clone().open(address))
    }
}

impl quorate_client::Connector for Wire {
    fn connect(&self, address: &DoorAddress) -> quorate_client::Connecting {
        let opening = self.clone().open(address.clone());
        Box::pin(async move { Ok(Box::pin(opening.await?) as quorate_client::BoxIo) })
    }
}

// === impl GatedIo ===

impl AsyncRead for GatedIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(self.gate.pass(cx));
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for GatedIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.gate.pass(cx));
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.gate.pass(cx));
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
