//! A connection that came in.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use quorate_consensus::BoxIo;
use quorate_frontend::grpc::ClientConnection;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::OwnedSemaphorePermit,
    time::{Sleep, sleep},
};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

/// How long whoever connects may take to introduce itself: HTTP/2 looks after a connection only once it has begun. A
/// request by HTTP/1.1 is hardly shorter; one that is has been answered by then.
const PREFACE_TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes with which every HTTP/2 connection begins (RFC 9113, section 3.4).
const PREFACE_LEN: usize = 24;

/// A connection that came in. Takes one of the places that there are until it is dropped.
pub(crate) struct Connection {
    io: BoxIo,
    /// Ends the connection, whatever is under way on it.
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    /// Until the whole preface has come.
    preface: Option<Preface>,
    _slot: OwnedSemaphorePermit,
}

/// What is still to come of a preface, and until when.
struct Preface {
    missing: usize,
    deadline: Pin<Box<Sleep>>,
}

// === impl Connection ===

impl Connection {
    pub(super) fn new(io: BoxIo, slot: OwnedSemaphorePermit, cut: CancellationToken) -> Self {
        Self {
            io,
            cut: Box::pin(cut.cancelled_owned()),
            preface: Some(Preface {
                missing: PREFACE_LEN,
                deadline: Box::pin(sleep(PREFACE_TIME_MAX)),
            }),
            _slot: slot,
        }
    }
}

impl Connected for Connection {
    type ConnectInfo = ClientConnection;

    fn connect_info(&self) -> ClientConnection {
        ClientConnection::default()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // HTTP/2 always reads, so that this is enough to end everything; an answer by HTTP/1.1 ends by itself.
        if self.cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let before = buf.filled().len();
        let read = self.io.as_mut().poll_read(cx, buf);
        if let Some(preface) = &mut self.preface {
            preface.missing = preface.missing.saturating_sub(buf.filled().len() - before);
            if preface.missing == 0 {
                self.preface = None;
            } else if preface.deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.io.as_mut().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io.as_mut().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::Semaphore,
    };

    use super::*;

    async fn connection() -> (Connection, tokio::io::DuplexStream, CancellationToken) {
        let (near, far) = tokio::io::duplex(64);
        let slot = Arc::new(Semaphore::new(1)).acquire_owned().await.unwrap();
        let cut = CancellationToken::new();
        (Connection::new(Box::pin(near), slot, cut.clone()), far, cut)
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_at_first_is_cut_off() {
        let (mut connection, _far, _cut) = connection().await;
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn who_introduces_itself_by_half_is_cut_off() {
        let (mut connection, mut far, _cut) = connection().await;
        far.write_all(&[7; PREFACE_LEN - 1]).await.unwrap();
        connection.read_exact(&mut [0; PREFACE_LEN - 1]).await.unwrap();
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_introduced_itself_may_be_silent() {
        let (mut connection, mut far, _cut) = connection().await;
        far.write_all(&[7; PREFACE_LEN]).await.unwrap();
        connection.read_exact(&mut [0; PREFACE_LEN]).await.unwrap();
        let silent = tokio::time::timeout(PREFACE_TIME_MAX * 10, connection.read_u8());
        assert!(silent.await.is_err(), "it is still open");
    }

    #[tokio::test]
    async fn a_connection_can_be_cut() {
        let (mut connection, _far, cut) = connection().await;
        let mut reading = std::pin::pin!(connection.read_u8());
        assert!(futures::poll!(&mut reading).is_pending());
        cut.cancel();
        assert_eq!(reading.await.unwrap_err().kind(), io::ErrorKind::ConnectionAborted);
    }
}
