//! Checks on real processes: what the members find, what they tell, and what costs nothing.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::Duration,
};

use quorate_client::{Client, Write};
use quorate_model::{
    Check, CheckName, CheckOutput, Consistency, Endpoint, Filter, Found, Generation, GrpcProbe, Health, Holder,
    HttpProbe, Incarnation, InstanceSpec, MemberId, Pace, PaceParts, Probe, SpecParts, Verdict, assigned,
};
use quorate_tests::{Cluster, ensure, eventually, figure, id, key, registration, service};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};

/// Between two probes in these tests.
const INTERVAL: Duration = Duration::from_secs(1);

/// How much later than its results a change may be in the answers of all members.
const SLACK: Duration = Duration::from_secs(2);

/// Every second; critical after two bad results, passing after one good one.
fn brisk() -> PaceParts {
    PaceParts {
        interval_ms: 1_000,
        timeout_ms: 500,
        rise: 1,
        fall: 2,
    }
}

fn check(probe: Probe, pace: PaceParts) -> Check {
    Check {
        pace: Pace::new(pace).expect("a pace that checks may have"),
        ..Check::new(alive(), probe)
    }
}

fn alive() -> CheckName {
    "alive".parse().expect("a name")
}

/// An instance at this address that is checked in this way.
fn checked(at: SocketAddr, check: Check) -> SpecParts {
    let endpoint = Endpoint {
        address: at.ip().into(),
        port: at.port().try_into().expect("it is not 0"),
        protocol: None,
    };
    SpecParts {
        checks: vec![check].try_into().expect("one is not too many"),
        ..SpecParts::new(endpoint.into())
    }
}

fn http() -> Probe {
    Probe::Http(Box::<HttpProbe>::default())
}

async fn register(client: &Client, name: &str, parts: SpecParts) -> Generation {
    let registered = client.register(&service("web"), &id(name), registration(parts)).await;
    registered.expect("there is room").value.generation
}

fn fresh(client: &Client) -> Client {
    client.with_consistency(Consistency::Linearizable)
}

async fn found(client: &Client, name: &str) -> Found {
    fresh(client)
        .get_instance(&service("web"), &id(name))
        .await
        .expect("it is there")
        .value
}

/// The ids of the instances in a default answer.
async fn answered(client: &Client) -> Vec<String> {
    let answer = fresh(client).resolve(&service("web"), Filter::default()).await;
    let answer = answer.expect("there is a leader");
    let instances = answer.value.instances.iter();
    instances.map(|found| found.key().id.to_string()).collect()
}

/// Waits until the instance has this health, and answers how long that took.
async fn becomes(client: &Client, name: &str, health: Health, within: Duration) -> Duration {
    let since = Instant::now();
    eventually(within, &format!("{name} becomes {health}"), async || {
        let found = found(client, name).await;
        ensure(found.health() == health, format!("{:?}", found.instance.check_states()))
    })
    .await;
    since.elapsed()
}

fn listener() -> TcpListener {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("this host has a loopback");
    listener.set_nonblocking(true).expect("it is a socket");
    TcpListener::from_std(listener).expect("the test has a reactor")
}

/// A server of HTTP that answers every request with the status that it is told.
struct Target {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    asked: mpsc::UnboundedReceiver<()>,
    _serving: JoinSet<()>,
}

impl Target {
    fn start() -> Self {
        let listener = listener();
        let address = listener.local_addr().expect("it listens");
        let status = Arc::new(AtomicU16::new(200));
        let (told, asked) = mpsc::unbounded_channel();
        let mut serving = JoinSet::new();
        serving.spawn({
            let status = Arc::clone(&status);
            async move {
                let mut answering = JoinSet::new();
                while let Ok((stream, _)) = listener.accept().await {
                    while answering.try_join_next().is_some() {}
                    let status = status.load(Ordering::SeqCst);
                    answering.spawn(answer(stream, status));
                    let _ = told.send(());
                }
            }
        });
        Self {
            address,
            status,
            asked,
            _serving: serving,
        }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// How often it was asked since the last time.
    fn asked(&mut self) -> usize {
        std::iter::from_fn(|| self.asked.try_recv().ok()).count()
    }
}

async fn answer(mut stream: TcpStream, status: u16) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let answer = format!("HTTP/1.1 {status} Told\r\ncontent-length: 0\r\n\r\n");
    // Whoever has asked may have gone.
    let _ = stream.write_all(answer.as_bytes()).await;
}

/// Takes connections and says nothing.
fn silent() -> TcpListener {
    listener()
}

/// A name of an instance whose check the member makes, of so many members.
fn made_by(member: u64, of: u64) -> String {
    let members: Vec<MemberId> = (1..=of)
        .map(|number| number.try_into().expect("members count from 1"))
        .collect();
    let name = (0..1_000).map(|number| format!("i-{number}")).find(|name| {
        let makers = assigned(&members, &key("web", name), &alive(), 1);
        makers.first().map(|maker| maker.get()) == Some(member)
    });
    name.expect("every member has its share")
}

#[tokio::test]
async fn what_stops_working_is_out_of_answers_in_time_and_comes_back() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let mut good = Target::start();
    let silent = silent();
    let silent_at = silent.local_addr().unwrap();
    register(&client, "a", checked(good.address, check(http(), brisk()))).await;
    register(&client, "silent", checked(silent_at, check(http(), brisk()))).await;
    let gone = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 1);
    register(&client, "gone", checked(gone, check(Probe::Tcp, brisk()))).await;
    let forbidden = SocketAddr::new(IpAddr::from([169, 254, 169, 254]), 80);
    register(&client, "forbidden", checked(forbidden, check(Probe::Tcp, brisk()))).await;
    let door = cluster.member(2).doors().client;
    let grpc = Probe::Grpc(GrpcProbe::default());
    register(&client, "grpc", checked(door, check(grpc, brisk()))).await;

    becomes(&client, "a", Health::Passing, Duration::from_secs(15)).await;
    becomes(&client, "grpc", Health::Passing, Duration::from_secs(5)).await;
    for name in ["silent", "gone", "forbidden"] {
        becomes(&client, name, Health::Critical, Duration::from_secs(10)).await;
    }
    assert_eq!(answered(&client).await, ["a", "grpc"]);
    let output = |found: &Found| found.instance.check_states()[0].output.to_string();
    assert_eq!(output(&found(&client, "silent").await), "no answer within 500 ms");
    assert!(output(&found(&client, "forbidden").await).contains("169.254.0.0/16"));

    good.answers(503);
    let took = becomes(&client, "a", Health::Critical, 2 * INTERVAL + SLACK).await;
    figure(format!("a target that went bad was critical after {took:?}"));
    assert_eq!(answered(&client).await, ["grpc"]);
    assert_eq!(output(&found(&client, "a").await), "HTTP 503");

    good.answers(200);
    becomes(&client, "a", Health::Passing, INTERVAL + SLACK).await;
    assert_eq!(answered(&client).await, ["a", "grpc"]);

    good.asked();
    sleep(5 * INTERVAL).await;
    let asked = good.asked();
    assert!(
        (4..=6).contains(&asked),
        "one member asks once a second: {asked} times in 5 s"
    );
}

#[tokio::test]
async fn the_checks_of_a_member_that_dies_are_made_by_the_others() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let leader = cluster.leader().await.number();
    let follower = (1..=3).find(|number| *number != leader).unwrap();
    let target = Target::start();
    let name = made_by(follower, 3);
    register(&client, &name, checked(target.address, check(http(), brisk()))).await;
    becomes(&client, &name, Health::Passing, Duration::from_secs(15)).await;

    cluster.member(follower).kill();
    target.answers(500);
    let took = becomes(
        &client,
        &name,
        Health::Critical,
        Duration::from_secs(4) + 2 * INTERVAL + SLACK,
    )
    .await;
    figure(format!("a check of a killed member was made by another after {took:?}"));

    cluster.member(follower).start();
    cluster.member(follower).wait_ready().await;
    target.answers(200);
    becomes(&client, &name, Health::Passing, 4 * INTERVAL + SLACK).await;
}

#[tokio::test]
async fn a_report_is_of_one_life_and_of_a_check_that_nobody_else_makes() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    let parts = |incarnation: u64| SpecParts {
        holder: Holder {
            owner: Some("pod".parse().unwrap()),
            incarnation: Some(Incarnation::try_from(incarnation).unwrap()),
        },
        ..checked("10.0.0.1:80".parse().unwrap(), Check::new(alive(), Probe::Reported))
    };
    let report = async |generation, verdict| {
        let told = (verdict, CheckOutput::cut("so it is"));
        let reported = client
            .report_check(&service("web"), &id("a"), generation, &alive(), told)
            .await;
        reported.map(|answer| answer.value.changed)
    };
    let old = register(&client, "a", parts(1)).await;
    assert_eq!(found(&client, "a").await.health(), Health::Unknown);
    assert!(report(Some(old), Verdict::Passing).await.unwrap());
    assert!(!report(Some(old), Verdict::Passing).await.unwrap(), "it was so already");
    assert_eq!(found(&client, "a").await.health(), Health::Passing);

    let new = register(&client, "a", parts(2)).await;
    assert!(report(Some(old), Verdict::Critical).await.is_err());
    assert_eq!(found(&client, "a").await.health(), Health::Unknown);
    assert!(report(Some(new), Verdict::Warning).await.unwrap());
    assert_eq!(answered(&client).await, ["a"]);
    assert!(report(None, Verdict::Critical).await.unwrap());
    assert_eq!(answered(&client).await, [""; 0]);

    let told = (Verdict::Passing, CheckOutput::default());
    let other: CheckName = "other".parse().unwrap();
    let unknown = client
        .report_check(&service("web"), &id("a"), None, &other, told.clone())
        .await;
    assert!(unknown.is_err());
    let probed = checked("10.0.0.1:80".parse().unwrap(), Check::new(alive(), Probe::Tcp));
    register(&client, "b", probed).await;
    assert!(
        client
            .report_check(&service("web"), &id("b"), None, &alive(), told)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_member_that_is_cut_off_marks_nothing_down() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    for cut_off in 1..=3_u64 {
        let target = Target::start();
        let name = made_by(cut_off, 3);
        // One bad result is enough: what counts is whether it may be told.
        let hasty = PaceParts { fall: 1, ..brisk() };
        register(&client, &name, checked(target.address, check(http(), hasty))).await;
        becomes(&client, &name, Health::Passing, Duration::from_secs(15)).await;
        let before = found(&client, &name).await;

        let others: Vec<u64> = (1..=3).filter(|number| *number != cut_off).collect();
        for number in &others {
            cluster.member(*number).pause();
        }
        // Whoever is cut off from the others is cut off from its targets too, as likely as not.
        target.answers(500);
        sleep(4 * INTERVAL).await;
        target.answers(200);
        for number in &others {
            cluster.member(*number).resume();
        }
        cluster.leader().await;
        sleep(3 * INTERVAL).await;
        let after = found(&client, &name).await;
        assert_eq!(
            after.instance.modify_revision(),
            before.instance.modify_revision(),
            "{after:?}"
        );
    }
}

#[tokio::test]
async fn five_thousand_probes_write_no_more_than_their_changes() {
    const WELL: u16 = 4_950;
    const DYING: u16 = 50;
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let (well, dying) = (silent(), silent());
    let pace = PaceParts {
        interval_ms: 5_000,
        timeout_ms: 2_000,
        ..brisk()
    };
    let write = |number: u16, at: SocketAddr| {
        let spec = InstanceSpec::new(checked(at, check(Probe::Tcp, pace))).unwrap();
        Write::register(service("web"), id(&format!("i-{number}")), spec.into())
    };
    let (well_at, dying_at) = (well.local_addr().unwrap(), dying.local_addr().unwrap());
    let (mut taking, mut ending) = (JoinSet::new(), JoinSet::new());
    taking.spawn(async move { while well.accept().await.is_ok() {} });
    ending.spawn(async move { while dying.accept().await.is_ok() {} });
    let all: Vec<Write> = (0..WELL).map(|number| write(number, well_at)).collect();
    let all = all
        .into_iter()
        .chain((WELL..WELL + DYING).map(|number| write(number, dying_at)));
    let all: Vec<Write> = all.collect();
    for batch in all.chunks(500) {
        let outcomes = client.write_batch(batch.to_vec()).await;
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    let count = usize::from(WELL + DYING);
    eventually(Duration::from_secs(60), "all pass", async || {
        let passing = answered(&client).await.len();
        ensure(passing == count, format!("{passing} pass"))
    })
    .await;

    let last_log = async || {
        cluster
            .leader()
            .await
            .status()
            .await
            .unwrap()
            .value
            .last_log_index
            .get()
    };
    let before = last_log().await;
    sleep(Duration::from_secs(15)).await;
    assert_eq!(
        last_log().await,
        before,
        "three rounds of probes that have found nothing new"
    );

    ending.shutdown().await;
    eventually(
        Duration::from_secs(30),
        "those that are gone are critical",
        async || {
            let passing = answered(&client).await.len();
            ensure(passing == usize::from(WELL), format!("{passing} pass"))
        },
    )
    .await;
    let entries = last_log().await - before;
    figure(format!(
        "{entries} entries of the log for {DYING} changes among 5,000 checks"
    ));
    assert!((1..=u64::from(DYING)).contains(&entries), "{entries}");
}

#[tokio::test]
async fn what_is_no_certificate_is_refused() {
    let cluster = Cluster::start(1).await;
    let client = cluster.client();
    let tls = quorate_model::Tls {
        ca_pem: Some(
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"
                .parse()
                .unwrap(),
        ),
        ..quorate_model::Tls::default()
    };
    let grpc = Probe::Grpc(GrpcProbe {
        service: None,
        tls: Some(tls),
    });
    let parts = checked("10.0.0.1:80".parse().unwrap(), Check::new(alive(), grpc));
    let refused = client
        .register(&service("web"), &id("a"), registration(parts.clone()))
        .await;
    let problem = refused.unwrap_err().to_string();
    assert!(problem.contains("no certificates"), "{problem}");

    let fine = checked("10.0.0.1:80".parse().unwrap(), Check::new(alive(), Probe::Reported));
    let batch = [("a", parts), ("b", fine)].map(|(name, parts)| {
        let spec = InstanceSpec::new(parts).unwrap();
        Write::register(service("web"), id(name), spec.into())
    });
    let outcomes = client.write_batch(batch.to_vec()).await;
    let done: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(done, [false, true], "{outcomes:?}");
}
