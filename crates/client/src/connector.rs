//! How connections to members are made: over TCP, or however the user of the client wants it.

use std::{fmt, io, pin::Pin, time::Duration};

use quorate_model::{AddressKind, DoorAddress};
use rustix::net::sockopt;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

/// How long a connection may be idle before the operating system asks whether the other side is still there: a
/// connection that something on the way has forgotten is found out before it is needed.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(30);

/// A connection: bytes in and out.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}

/// A connection of any kind.
pub type BoxIo = Pin<Box<dyn Io>>;

/// A connection in the making.
pub type Connecting = Pin<Box<dyn Future<Output = io::Result<BoxIo>> + Send>>;

/// Opens connections to the client doors of members; [`TcpConnector`] unless
/// [`Builder::connector`](crate::Builder::connector) says otherwise.
///
/// This is where TLS is plugged in, with the library and the trust that the user has: wrap the bytes of a
/// [`TcpConnector`], and say `h2` in the handshake's ALPN. With `tokio-rustls` that is:
///
/// ```ignore
/// #[derive(Debug)]
/// struct TlsConnector {
///     tcp: quorate_client::TcpConnector,
///     /// Its `alpn_protocols` is `[b"h2"]`.
///     config: Arc<rustls::ClientConfig>,
/// }
///
/// impl quorate_client::Connector for TlsConnector {
///     fn connect(&self, address: &DoorAddress) -> quorate_client::Connecting {
///         let (connecting, config) = (self.tcp.connect(address), Arc::clone(&self.config));
///         let name = ServerName::try_from(address.host().to_string());
///         Box::pin(async move {
///             let name = name.map_err(io::Error::other)?;
///             let stream = tokio_rustls::TlsConnector::from(config).connect(name, connecting.await?).await?;
///             Ok(Box::pin(stream) as quorate_client::BoxIo)
///         })
///     }
/// }
///
/// let client = Client::builder().endpoints(doors).connector(Arc::new(tls_connector)).build()?;
/// ```
///
/// A simulation plugs in its network in the same way. The time that a connection may take is limited by
/// [`Builder::connect_timeout`](crate::Builder::connect_timeout), handshakes included.
pub trait Connector: fmt::Debug + Send + Sync + 'static {
    /// Opens a connection to a member's client door.
    fn connect(&self, address: &DoorAddress) -> Connecting;
}

/// Connects over TCP, in the clear.
#[derive(Debug, Clone, Copy, Default)]
pub struct TcpConnector;

// === impl TcpConnector ===

impl Connector for TcpConnector {
    fn connect(&self, address: &DoorAddress) -> Connecting {
        let address = address.clone();
        Box::pin(async move {
            let port = address.port().get();
            let stream = match address.host().kind() {
                AddressKind::Ip(ip) => TcpStream::connect((*ip, port)).await?,
                AddressKind::Host(name) => TcpStream::connect((&**name, port)).await?,
            };
            // Requests are small, and somebody waits for each.
            stream.set_nodelay(true)?;
            sockopt::set_socket_keepalive(&stream, true)?;
            sockopt::set_tcp_keepidle(&stream, KEEP_ALIVE_AFTER)?;
            Ok(Box::pin(stream) as BoxIo)
        })
    }
}
