//! The proxy does what it is told, and only that.
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time::{Instant, timeout},
};

use super::*;
use crate::{ensure, eventually};

/// Far longer than anything takes that is not kept back.
const SOON: Duration = Duration::from_secs(10);

/// Shorter than [`SOON`]: what was not there by then is not to come.
const A_WHILE: Duration = Duration::from_millis(100);

/// A server that sends back whatever it is sent, and closes when its caller does.
struct Echo {
    address: SocketAddr,
    _tasks: JoinSet<()>,
}

impl Echo {
    fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = TcpListener::from_std(listener).unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                connections.spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        Self { address, _tasks: tasks }
    }
}

async fn proxy_and_caller() -> (Echo, Proxy, TcpStream) {
    let echo = Echo::start();
    let proxy = Proxy::start(echo.address);
    let mut caller = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut caller, b"first").await, b"first");
    (echo, proxy, caller)
}

/// What comes back of what is sent: as many bytes, if they come.
async fn echoed(caller: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    caller.write_all(bytes).await.unwrap();
    let mut back = vec![0; bytes.len()];
    timeout(SOON, caller.read_exact(&mut back)).await.unwrap().unwrap();
    back
}

async fn nothing_comes(caller: &mut TcpStream) {
    let read = timeout(A_WHILE, caller.read_u8()).await;
    assert!(read.is_err(), "{read:?}");
}

/// The error that a caller finds who waits for an answer.
async fn error_of(caller: &mut TcpStream) -> std::io::ErrorKind {
    let mut rest = Vec::new();
    let read = timeout(SOON, caller.read_to_end(&mut rest)).await.unwrap();
    read.unwrap_err().kind()
}

#[tokio::test]
async fn everything_passes_unless_it_is_told_otherwise() {
    let (_echo, proxy, mut caller) = proxy_and_caller().await;
    let bytes: Vec<u8> = (0..100_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    assert!(echoed(&mut caller, &bytes).await == bytes);
    caller.shutdown().await.unwrap();
    assert_eq!(timeout(SOON, caller.read(&mut [0])).await.unwrap().unwrap(), 0);
    let expected = Effects {
        connections: 1,
        ..Effects::default()
    };
    assert_eq!(proxy.effects(), expected);
}

#[tokio::test]
async fn what_is_delayed_comes_no_sooner_and_in_order() {
    let (_echo, proxy, mut caller) = proxy_and_caller().await;
    let delay = Duration::from_millis(60);
    proxy.set(Direction::ToCaller, Flow::Delayed(delay));
    for round in 0..3_u8 {
        let sent = Instant::now();
        assert_eq!(echoed(&mut caller, &[round; 9]).await, [round; 9]);
        assert!(sent.elapsed() >= delay, "{:?}", sent.elapsed());
    }
    assert!(proxy.effects().delayed >= 3);
}

#[tokio::test]
async fn what_is_throttled_takes_its_time() {
    let (_echo, proxy, mut caller) = proxy_and_caller().await;
    proxy.set(Direction::ToServer, Flow::Throttled { bytes_per_s: 100_000 });
    let sent = Instant::now();
    let bytes = vec![1; 20_000];
    assert!(echoed(&mut caller, &bytes).await == bytes);
    // The last piece is there before its time has passed.
    assert!(sent.elapsed() >= Duration::from_millis(150), "{:?}", sent.elapsed());
    assert!(proxy.effects().throttled > 1);
}

#[tokio::test]
async fn what_falls_into_a_black_hole_comes_through_when_it_is_over() {
    let (_echo, proxy, mut caller) = proxy_and_caller().await;
    for direction in [Direction::ToServer, Direction::ToCaller] {
        proxy.set(direction, Flow::Held);
        caller.write_all(b"x").await.unwrap();
        nothing_comes(&mut caller).await;
        proxy.heal();
        assert_eq!(timeout(SOON, caller.read_u8()).await.unwrap().unwrap(), b'x');
    }
    assert_eq!(proxy.effects().held, 2);
}

#[tokio::test]
async fn a_reset_comes_in_the_middle_of_an_answer() {
    let (_echo, proxy, mut caller) = proxy_and_caller().await;
    proxy.set(Direction::ToCaller, Flow::ResetAfter { bytes: 3 });
    caller.write_all(b"answer").await.unwrap();
    assert_eq!(error_of(&mut caller).await, std::io::ErrorKind::ConnectionReset);
    assert_eq!(proxy.effects().resets, 1);
    proxy.heal();
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut again, b"again").await, b"again");
}

#[tokio::test]
async fn a_cut_resets_the_connections_that_there_are_and_no_later_ones() {
    let (_echo, proxy, mut caller) = proxy_and_caller().await;
    proxy.cut(Cut::Reset);
    assert_eq!(error_of(&mut caller).await, std::io::ErrorKind::ConnectionReset);
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut again, b"again").await, b"again");
    assert_eq!(proxy.effects().resets, 1);
}

#[tokio::test]
async fn who_is_left_half_open_is_told_nothing() {
    let (_echo, proxy, mut caller) = proxy_and_caller().await;
    proxy.cut(Cut::HalfOpen);
    eventually(SOON, "the server's side is gone", async || {
        let effects = proxy.effects();
        ensure(effects.half_open == 1, format!("{effects:?}"))
    })
    .await;
    for _ in 0..3 {
        caller.write_all(b"lost").await.unwrap();
        nothing_comes(&mut caller).await;
    }
    proxy.heal();
    nothing_comes(&mut caller).await;
    let mut again = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(echoed(&mut again, b"again").await, b"again");
}

#[tokio::test]
async fn who_is_not_taken_waits_until_it_is() {
    let (_echo, proxy, _caller) = proxy_and_caller().await;
    proxy.stop_accepting();
    let mut waiting = TcpStream::connect(proxy.address()).await.unwrap();
    waiting.write_all(b"x").await.unwrap();
    nothing_comes(&mut waiting).await;
    assert_eq!(proxy.effects().connections, 1);
    proxy.heal();
    assert_eq!(timeout(SOON, waiting.read_u8()).await.unwrap().unwrap(), b'x');
}

#[tokio::test]
async fn a_server_that_is_down_is_a_reset_to_its_callers() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let proxy = Proxy::start(address);
    let mut caller = TcpStream::connect(proxy.address()).await.unwrap();
    assert_eq!(error_of(&mut caller).await, std::io::ErrorKind::ConnectionReset);
}
