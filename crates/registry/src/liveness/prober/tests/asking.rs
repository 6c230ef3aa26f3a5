//! What is asked, and what is taken for a good answer: over connections whose other end is played here.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use quorate_consensus::BoxIo;
use quorate_model::{
    Check, Clock, Endpoint, GrpcProbe, HttpProbe, HttpProbeParts, Pace, PaceParts, Probe, ProbeHeaders, StatusRange,
    Tls,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::super::{
    Dial, ProbePolicy, Probing, Target, Trust,
    probe::{Found, Prober},
};

/// 2026, for certificates.
const WALL_MS: u64 = 1_780_000_000_000;

/// Room on the way: more than any answer here.
const ROOM: usize = 1 << 20;

/// A dial that gives out one connection, knows some names, and takes down what it was asked for.
#[derive(Debug, Default)]
struct Line {
    io: Mutex<Option<DuplexStream>>,
    names: Vec<(&'static str, Vec<IpAddr>)>,
    dialled: Arc<Mutex<Vec<SocketAddr>>>,
}

#[derive(Debug)]
struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wall_ms(&self) -> u64 {
        WALL_MS
    }
}

impl Dial for Line {
    fn resolve(&self, host: &str) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let known = self.names.iter().find(|(name, _)| *name == host);
        let ips = known.map(|(_, ips)| ips.clone());
        std::future::ready(ips.ok_or_else(|| io::ErrorKind::NotFound.into())).boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<BoxIo>> {
        self.dialled.lock().unwrap().push(address);
        let io = self.io.lock().unwrap().take();
        let io = io.map(|io| Box::pin(io) as BoxIo);
        std::future::ready(io.ok_or_else(|| io::ErrorKind::ConnectionRefused.into())).boxed()
    }
}

fn prober(line: Line, trust: Trust) -> Prober {
    let probing = Probing {
        dial: Arc::new(line),
        policy: ProbePolicy::default(),
        trust,
    };
    Prober::new(probing, Arc::new(WallClock))
}

fn target(address: &str, probe: Probe) -> Target {
    let pace = Pace::new(PaceParts {
        timeout_ms: 500,
        ..PaceParts::default()
    });
    let check = Check {
        pace: pace.unwrap(),
        ..Check::new("alive".parse().unwrap(), probe)
    };
    let endpoint = Endpoint {
        address: address.parse().unwrap(),
        port: "8080".parse().unwrap(),
        protocol: None,
    };
    super::harness::target("a", endpoint, check)
}

fn http(parts: HttpProbeParts) -> Probe {
    Probe::Http(Box::new(HttpProbe::new(parts).unwrap()))
}

fn wants(text: &str) -> Probe {
    http(HttpProbeParts {
        body_contains: Some(text.parse().unwrap()),
        ..HttpProbeParts::default()
    })
}

/// Looks at the target, whose other end is played by `play`.
async fn look<P: Future>(target: &Target, trust: Trust, play: impl FnOnce(DuplexStream) -> P) -> (Found, P::Output) {
    let (near, far) = duplex(ROOM);
    let line = Line {
        io: Mutex::new(Some(near)),
        ..Line::default()
    };
    let prober = prober(line, trust);
    tokio::join!(prober.look(target), play(far))
}

/// Reads a request to the end of its headers.
async fn request(io: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(io.read_u8().await.expect("a request ends"));
    }
    String::from_utf8(read).unwrap()
}

/// What is found if the target answers this and hangs up, and what it was asked.
async fn answered(probe: Probe, answer: &[u8]) -> (Found, String) {
    look(&target("10.0.0.1", probe), Trust::nobody(), async |mut io| {
        let asked = request(&mut io).await;
        // Whoever has seen enough hangs up.
        let _ = io.write_all(answer).await;
        asked
    })
    .await
}

fn is(found: &Found, is_good: bool, output: &str) {
    assert_eq!((found.is_good, found.output.as_str()), (is_good, output));
}

#[tokio::test(start_paused = true)]
async fn a_request_is_one_of_http_1_1_that_nothing_follows() {
    let (found, asked) = answered(http(HttpProbeParts::default()), b"HTTP/1.1 200 OK\r\n\r\n").await;
    is(&found, true, "HTTP 200");
    let lines: Vec<&str> = asked.lines().collect();
    assert_eq!(lines[0], "GET / HTTP/1.1");
    for header in ["host: 10.0.0.1:8080", "user-agent: quorate-probe", "connection: close"] {
        assert!(lines.contains(&header), "{header} of {lines:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_says_what_the_check_says() {
    let header = |name: &str, value: &str| (name.parse().unwrap(), value.parse().unwrap());
    let probe = http(HttpProbeParts {
        path: "/health?deep=1".parse().unwrap(),
        method: "HEAD".parse().unwrap(),
        headers: ProbeHeaders::try_from(vec![header("Host", "web.example"), header("X-Key", "a b")]).unwrap(),
        ..HttpProbeParts::default()
    });
    let (found, asked) = answered(probe, b"HTTP/1.1 204 No Content\r\n\r\n").await;
    is(&found, true, "HTTP 204");
    assert!(asked.starts_with("HEAD /health?deep=1 HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked.contains("host: web.example\r\n") && asked.contains("x-key: a b\r\n"),
        "{asked}"
    );
    assert_eq!(asked.matches("host:").count(), 1, "{asked}");
}

#[tokio::test(start_paused = true)]
async fn only_statuses_of_the_range_are_good() {
    let get = || http(HttpProbeParts::default());
    for (answer, is_good, output) in [
        ("HTTP/1.1 199 X\r\n\r\n", false, "HTTP 199"),
        ("HTTP/1.1 299 X\r\n\r\n", true, "HTTP 299"),
        ("HTTP/1.1 503 X\r\n\r\n", false, "HTTP 503"),
        (
            "HTTP/1.1 302 X\r\nlocation: http://10.0.0.2/\r\n\r\n",
            false,
            "HTTP 302",
        ),
    ] {
        let (found, _) = answered(get(), answer.as_bytes()).await;
        if answer.contains("199") {
            // Something that comes before an answer, and no answer.
            assert!(!found.is_good, "{found:?}");
        } else {
            is(&found, is_good, output);
        }
    }
    let status = StatusRange::new(400, 404).unwrap();
    let probe = http(HttpProbeParts {
        status,
        ..HttpProbeParts::default()
    });
    is(&answered(probe, b"HTTP/1.1 404 X\r\n\r\n").await.0, true, "HTTP 404");
}

#[tokio::test(start_paused = true)]
async fn the_beginning_of_the_body_is_searched_and_no_more() {
    let body = |before: usize| {
        let mut answer = b"HTTP/1.1 200 OK\r\n\r\n".to_vec();
        answer.resize(answer.len() + before, b'o');
        answer.extend_from_slice(b"ok, it works");
        answer
    };
    let fits = (64 << 10) - 3;
    is(&answered(wants("ok,"), &body(0)).await.0, true, "HTTP 200");
    is(&answered(wants("ok,"), &body(fits)).await.0, true, "HTTP 200");
    let without = "HTTP 200, and the body does not contain what it should";
    is(&answered(wants("ok,"), &body(fits + 1)).await.0, false, without);
    is(&answered(wants("no"), &body(0)).await.0, false, without);
    let brief = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\no";
    is(&answered(wants("ok"), brief).await.0, false, without);
}

#[tokio::test(start_paused = true)]
async fn a_text_is_found_though_it_comes_in_parts_and_the_rest_never_comes() {
    let target = target("10.0.0.1", wants("it works"));
    let (found, ()) = look(&target, Trust::nobody(), async |mut io| {
        request(&mut io).await;
        let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        io.write_all(head).await.unwrap();
        for part in ["2\r\nit\r\n", "3\r\n wo\r\n", "4\r\nrks!\r\n"] {
            io.write_all(part.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
        // The body does not end, and whoever waits for it waits in vain.
        let _ = io.read_u8().await;
    })
    .await;
    is(&found, true, "HTTP 200");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_http_is_no_good_answer() {
    let get = || http(HttpProbeParts::default());
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(100_000));
    for bad in [
        "",
        "SSH-2.0-OpenSSH_9\r\n",
        "HTTP/1.1 200",
        "HTTP/2 200 OK\r\n\r\n",
        &endless,
    ] {
        let (found, _) = answered(get(), bad.as_bytes()).await;
        assert!(!found.is_good, "{bad:?}");
    }
    let cut_off = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok";
    assert!(!answered(wants("okay"), cut_off).await.0.is_good);
}

#[tokio::test(start_paused = true)]
async fn whoever_says_nothing_is_not_waited_for_longer_than_asked() {
    let target = target("10.0.0.1", http(HttpProbeParts::default()));
    let (found, ()) = look(&target, Trust::nobody(), async |mut io| {
        request(&mut io).await;
        let _ = io.read_u8().await;
    })
    .await;
    is(&found, false, "no answer within 500 ms");
}

#[tokio::test(start_paused = true)]
async fn a_name_does_not_lead_where_an_address_must_not() {
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let line = || Line {
        names: vec![
            ("inner.example", vec![[169, 254, 169, 254].into()]),
            ("both.example", vec![[169, 254, 169, 254].into(), [10, 0, 0, 2].into()]),
            ("none.example", vec![]),
        ],
        dialled: Arc::clone(&dialled),
        ..Line::default()
    };
    let look = async |host: &str| prober(line(), Trust::nobody()).look(&target(host, Probe::Tcp)).await;
    let refused = "this member must not probe 169.254.169.254: it is in 169.254.0.0/16";
    is(&look("inner.example").await, false, refused);
    is(&look("169.254.169.254").await, false, refused);
    assert!(
        look("::ffff:169.254.169.254")
            .await
            .output
            .as_str()
            .contains("must not")
    );
    is(&look("none.example").await, false, "none.example has no address");
    let unknown = look("unknown.example").await;
    assert!(
        unknown.output.as_str().starts_with("unknown.example is not found"),
        "{unknown:?}"
    );
    assert_eq!(*dialled.lock().unwrap(), []);

    let found = look("both.example").await;
    assert!(
        found.output.as_str().starts_with("cannot connect to 10.0.0.2:8080"),
        "{found:?}"
    );
    assert_eq!(*dialled.lock().unwrap(), [SocketAddr::from(([10, 0, 0, 2], 8080))]);
}

mod encrypted;
mod health;
