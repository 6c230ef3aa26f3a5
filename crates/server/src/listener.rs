//! The doors as they are opened: bound, accepted from, and limited.

mod connection;

use std::{
    convert::Infallible,
    fmt, io,
    net::{SocketAddr, TcpListener as BoundListener},
    sync::Arc,
    time::Duration,
};

use futures::{
    future::BoxFuture,
    stream::{self, Stream},
};
use quorate_consensus::BoxIo;
use tokio::{net::TcpListener, runtime::Handle, sync::Semaphore, time::sleep};
use tokio_util::sync::CancellationToken;

pub(crate) use connection::Connection;

/// How long accepting pauses after it has failed: what it fails of, such as too many open files, does not pass
/// at once.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// Accepts connections. Injected, so that a simulated node listens on a simulated network.
pub trait Listener: fmt::Debug + Send + 'static {
    /// Waits for the next connection. Loses none if it is dropped before it is done.
    fn accept(&mut self) -> BoxFuture<'_, io::Result<BoxIo>>;
}

/// Accepts connections over TCP.
#[derive(Debug)]
pub struct TcpDoor(TcpListener);

/// A door could not be opened. One line, with what to do.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {problem} ({flag})")]
pub struct BindError {
    /// The address.
    address: SocketAddr,
    /// The flag that gives it.
    flag: &'static str,
    /// What is in the way.
    problem: String,
}

// === impl TcpDoor ===

impl TcpDoor {
    /// Opens a door that is accepted from on `runtime`. `flag` is the one that gives the address, for the error.
    pub fn bind(address: SocketAddr, flag: &'static str, runtime: &Handle) -> Result<Self, BindError> {
        let failed = |error: io::Error| BindError {
            address,
            flag,
            problem: explain(&error),
        };
        let listener = BoundListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let _registers_on = runtime.enter();
        TcpListener::from_std(listener).map(Self).map_err(failed)
    }

    /// The address that it listens on: with the port that was chosen, if it was opened on port 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Listener for TcpDoor {
    fn accept(&mut self) -> BoxFuture<'_, io::Result<BoxIo>> {
        Box::pin(async {
            let (stream, _) = self.0.accept().await?;
            // An answer is often one small packet, and somebody waits for it.
            stream.set_nodelay(true)?;
            Ok(Box::pin(stream) as BoxIo)
        })
    }
}

/// The connections that come in, at most `connections_max` at a time: more are not accepted until one is closed.
/// All of them end when `cut` is cancelled.
pub(crate) fn incoming(
    listener: Box<dyn Listener>,
    connections_max: usize,
    cut: CancellationToken,
) -> impl Stream<Item = Result<Connection, Infallible>> + Send {
    let slots = Arc::new(Semaphore::new(connections_max));
    stream::unfold((listener, slots, cut), |(mut listener, slots, cut)| async move {
        let slot = Arc::clone(&slots)
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            match listener.accept().await {
                Ok(io) => {
                    let connection = Connection::new(io, slot, cut.clone());
                    return Some((Ok(connection), (listener, slots, cut)));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_RETRY).await;
                }
            }
        }
    })
}

fn explain(error: &io::Error) -> String {
    let known = [
        (
            io::ErrorKind::AddrInUse,
            "the port is in use; stop the process that has it, or give another port",
        ),
        (
            io::ErrorKind::AddrNotAvailable,
            "this host does not have this address; give one that it has",
        ),
        (
            io::ErrorKind::PermissionDenied,
            "this user may not listen on this port; give one above 1023",
        ),
    ];
    let known = known.into_iter().find(|(kind, _)| *kind == error.kind());
    known.map_or_else(|| error.to_string(), |(_, problem)| problem.to_owned())
}

#[cfg(test)]
mod tests {
    use futures::StreamExt as _;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpStream,
    };

    use super::*;

    fn free_port() -> (TcpDoor, SocketAddr) {
        let door = TcpDoor::bind("127.0.0.1:0".parse().unwrap(), "--listen-client", &Handle::current()).unwrap();
        let address = door.address().unwrap();
        (door, address)
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_with_its_address_and_flag() {
        let (_door, address) = free_port();
        let error = TcpDoor::bind(address, "--listen-peer", &Handle::current()).unwrap_err();
        let expected = format!(
            "cannot listen on {address}: the port is in use; stop the process that has it, or give another port \
             (--listen-peer)"
        );
        assert_eq!(error.to_string(), expected);
    }

    #[tokio::test]
    async fn an_address_of_another_host_is_told() {
        // From the block that is reserved for documentation: no host has it.
        let error = TcpDoor::bind("192.0.2.1:7300".parse().unwrap(), "--listen-client", &Handle::current());
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("this host does not have this address")
        );
    }

    #[tokio::test]
    async fn a_connection_too_many_waits_until_another_is_closed() {
        let (door, address) = free_port();
        let mut incoming = std::pin::pin!(incoming(Box::new(door), 1, CancellationToken::new()));
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        first.write_all(b"1").await.unwrap();
        second.write_all(b"2").await.unwrap();

        let mut accepted = incoming.next().await.unwrap().unwrap();
        assert_eq!(accepted.read_u8().await.unwrap(), b'1');
        assert!(futures::poll!(incoming.next()).is_pending());
        drop(accepted);
        let mut accepted = incoming.next().await.unwrap().unwrap();
        assert_eq!(accepted.read_u8().await.unwrap(), b'2');
    }
}
