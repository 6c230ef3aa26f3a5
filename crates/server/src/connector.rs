//! Connections to other members, over TCP.

use std::io;

use futures::future::BoxFuture;
use quorate_consensus::{BoxIo, Connector};
use quorate_model::{AddressKind, DoorAddress};
use tokio::net::TcpStream;

/// Connects over TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpConnector;

// === impl TcpConnector ===

impl Connector for TcpConnector {
    fn connect(&self, address: DoorAddress) -> BoxFuture<'static, io::Result<BoxIo>> {
        Box::pin(async move {
            let port = address.port().get();
            let stream = match address.host().kind() {
                AddressKind::Ip(ip) => TcpStream::connect((*ip, port)).await?,
                AddressKind::Host(name) => TcpStream::connect((&**name, port)).await?,
            };
            // A vote or an acknowledgement is small, and somebody waits for it.
            stream.set_nodelay(true)?;
            Ok(Box::pin(stream) as BoxIo)
        })
    }
}
