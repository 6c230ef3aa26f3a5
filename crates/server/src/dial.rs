//! Connections to what is probed, over TCP.

use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use futures::future::BoxFuture;
use quorate_consensus::BoxIo;
use quorate_registry::Dial;
use tokio::net::{TcpStream, lookup_host};

/// Finds names as this machine does, and connects over TCP.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpDial;

// === impl TcpDial ===

impl Dial for TcpDial {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(async move {
            let found = lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<BoxIo>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // A question is small, and its answer is waited for.
            stream.set_nodelay(true)?;
            Ok(Box::pin(stream) as BoxIo)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test is what is connected to")]
    async fn a_connection_carries_bytes() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let connect = TcpDial.connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(connect, listener.accept());
        near.unwrap().write_all(b"hello").await.unwrap();
        let mut read = String::new();
        far.unwrap().0.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "hello");
    }

    #[tokio::test]
    async fn a_name_leads_to_addresses() {
        let ips = TcpDial.resolve("localhost").await.unwrap();
        assert!(!ips.is_empty() && ips.iter().all(IpAddr::is_loopback), "{ips:?}");
    }
}
