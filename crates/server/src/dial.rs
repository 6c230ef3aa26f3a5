//! Connections to what is probed, over TCP.

use std::{
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    sync::Arc,
};

use futures::future::BoxFuture;
use quorate_consensus::BoxIo;
use quorate_registry::Dial;
use tokio::{net::TcpStream, sync::Semaphore, task::spawn_blocking};

/// Names that are looked up at a time. Each takes a thread for as long as this machine asks for it, which may be minutes
/// where no server of names answers; nothing can break that off.
const LOOK_UPS_MAX: usize = 32;

/// Finds names as this machine does, and connects over TCP.
#[derive(Debug, Clone)]
pub struct TcpDial {
    look_ups: Arc<Semaphore>,
}

// === impl TcpDial ===

impl Default for TcpDial {
    fn default() -> Self {
        let look_ups = Arc::new(Semaphore::new(LOOK_UPS_MAX));
        Self { look_ups }
    }
}

impl Dial for TcpDial {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let host = host.to_owned();
        Box::pin(look_up(Arc::clone(&self.look_ups), move || {
            let found = (host.as_str(), 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).collect())
        }))
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

/// Looks something up on a thread of its own as soon as there is a place. The place is given back when the look-up has
/// really ended, also if nobody waits for it any more: whoever gives up early does not make room for the next one.
async fn look_up<T: Send + 'static>(
    places: Arc<Semaphore>,
    find: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let place = places.acquire_owned().await.map_err(io::Error::other)?;
    let looking = spawn_blocking(move || {
        let _until_the_end = place;
        find()
    });
    looking.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use std::{
        net::Ipv4Addr,
        sync::{Mutex, mpsc},
        time::Duration,
    };

    use futures::{FutureExt as _, future::join_all};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::watch,
        time::timeout,
    };

    use super::*;

    #[tokio::test]
    #[expect(clippy::disallowed_methods, reason = "the test is what is connected to")]
    async fn a_connection_carries_bytes() {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let connect = TcpDial::default().connect(listener.local_addr().unwrap());
        let (near, far) = tokio::join!(connect, listener.accept());
        near.unwrap().write_all(b"hello").await.unwrap();
        let mut read = String::new();
        far.unwrap().0.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "hello");
    }

    #[tokio::test]
    async fn a_name_leads_to_addresses() {
        let ips = TcpDial::default().resolve("localhost").await.unwrap();
        assert!(!ips.is_empty() && ips.iter().all(IpAddr::is_loopback), "{ips:?}");
    }

    #[tokio::test]
    async fn a_look_up_that_nobody_waits_for_keeps_its_place_until_it_ends() {
        let places = TcpDial::default().look_ups;
        let (begun, ends) = (watch::Sender::new(0), mpsc::channel::<()>());
        let (end, told_to_end) = (ends.0, Arc::new(Mutex::new(ends.1)));
        let hanging = || {
            let (begun, told_to_end) = (begun.clone(), Arc::clone(&told_to_end));
            look_up(Arc::clone(&places), move || {
                begun.send_modify(|begun| *begun += 1);
                // As long as a server of names that does not answer.
                let _told = told_to_end.lock().unwrap().recv();
                Ok(())
            })
        };
        let mut all_begun = begun.subscribe();
        let waiting = async {
            tokio::select! {
                _ = join_all((0..LOOK_UPS_MAX).map(|_| hanging())) => panic!("they hang"),
                begun = all_begun.wait_for(|begun| *begun == LOOK_UPS_MAX) => drop(begun.unwrap()),
            }
        };
        timeout(Duration::from_secs(20), waiting)
            .await
            .expect("all of them begin");

        // Those that waited for them are gone, and they are not.
        let mut next = Box::pin(look_up(Arc::clone(&places), || Ok("found")));
        assert!((&mut next).now_or_never().is_none(), "there is no place");
        assert_eq!(places.available_permits(), 0);
        end.send(()).unwrap();
        let found = timeout(Duration::from_secs(20), next).await;
        assert_eq!(
            found.expect("the place of the one that ended is free").unwrap(),
            "found"
        );
        drop(end);
    }
}
