//! What scrapers are told of real members: by HTTP/1.1, as they ask.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use quorate_tests::{Cluster, Member, READY_WITHIN, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Sends `request` to a member, and waits for all that it says until it hangs up.
async fn ask(member: &Member, request: &str) -> String {
    let mut stream = TcpStream::connect(member.doors().client.to_string()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn scrape(member: &Member) -> String {
    let answer = ask(
        member,
        "GET /metrics HTTP/1.1\r\nhost: quorate\r\nconnection: close\r\n\r\n",
    )
    .await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    body.to_owned()
}

#[tokio::test]
async fn members_tell_scrapers_of_leases_and_guards() {
    let cluster = Cluster::start(3).await;
    let register = [
        "register",
        "web",
        "--id=a",
        "--address=10.0.0.1",
        "--port=80",
        "--ttl=1h",
    ];
    cluster.run(&register).await.exited_with(0);
    cluster.run(&["guard", "raise", "--service=web"]).await.exited_with(0);
    let wanted = [
        "quorate_ready 1",
        "quorate_leases 1",
        "quorate_leases_lapsed 0",
        "quorate_guards_raised 1",
        "quorate_guard_leased_instances{scope=\"service\",target=\"default/web\",cause=\"operator\"} 1",
        "quorate_guard_suspect_instances{scope=\"service\",target=\"default/web\",cause=\"operator\"} 0",
    ];
    for member in cluster.members() {
        // A follower may not have applied yet what the leader has.
        eventually(READY_WITHIN, "a member tells of the guard", async || {
            let told = scrape(member).await;
            let lines: Vec<&str> = told.lines().collect();
            wanted.iter().all(|line| lines.contains(line)).then_some(()).ok_or(told)
        })
        .await;
    }
    let mut leaders = 0;
    for member in cluster.members() {
        leaders += usize::from(scrape(member).await.lines().any(|line| line == "quorate_leader 1"));
    }
    assert_eq!(leaders, 1);
}

#[tokio::test]
async fn calls_by_an_older_http_are_refused_with_what_to_do() {
    let cluster = Cluster::start(1).await;
    let member = &cluster.members()[0];
    let call = "POST /quorate.cluster.v1.Cluster/Status HTTP/1.1\r\nhost: quorate\r\nconnection: close\r\n\
                content-type: application/grpc\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0";
    let answer = ask(member, call).await;
    assert!(answer.starts_with("HTTP/1.1 505 "), "{answer}");
    assert!(answer.ends_with("gRPC takes HTTP/2\n"), "{answer}");
    let elsewhere = ask(member, "GET / HTTP/1.1\r\nhost: quorate\r\nconnection: close\r\n\r\n").await;
    assert!(elsewhere.starts_with("HTTP/1.1 505 "), "{elsewhere}");
    // Whatever came in between, the door still serves.
    scrape(member).await;
}
