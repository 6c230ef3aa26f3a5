//! grpc.health.v1.

use tokio_stream::StreamExt as _;
use tonic::transport::Server;
use tonic_health::{ServingStatus, server::health_reporter};

use super::*;

/// What is found of a server where `web` has this status.
async fn found(service: Option<&str>, status: ServingStatus) -> Found {
    let probe = Probe::Grpc(GrpcProbe {
        service: service.map(|service| service.parse().unwrap()),
        tls: None,
    });
    let target = target("10.0.0.1", probe);
    let (reporter, health) = health_reporter();
    reporter.set_service_status("web", status).await;
    let (near, far) = duplex(ROOM);
    let line = Line {
        io: Mutex::new(Some(near)),
        ..Line::default()
    };
    let incoming = tokio_stream::once(Ok::<_, io::Error>(far)).chain(tokio_stream::pending());
    let serving = Server::builder().add_service(health).serve_with_incoming(incoming);
    let prober = prober(line, Trust::nobody());
    tokio::select! {
        found = prober.look(&target) => found,
        served = serving => panic!("the server ended: {served:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_serves_is_good() {
    is(&found(None, ServingStatus::NotServing).await, true, "SERVING");
    is(&found(Some("web"), ServingStatus::Serving).await, true, "SERVING");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_serve_or_is_not_known_is_not() {
    is(
        &found(Some("web"), ServingStatus::NotServing).await,
        false,
        "NOT_SERVING",
    );
    is(&found(Some("web"), ServingStatus::Unknown).await, false, "UNKNOWN");
    let unknown = found(Some("other"), ServingStatus::Serving).await;
    is(&unknown, false, "the server does not know this service");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_grpc_is_no_good_answer() {
    let target = target("10.0.0.1", Probe::Grpc(GrpcProbe::default()));
    for answer in ["HTTP/1.1 400 Bad Request\r\n\r\n", ""] {
        let (found, ()) = look(&target, Trust::nobody(), async |mut io| {
            let _ = io.write_all(answer.as_bytes()).await;
        })
        .await;
        assert!(!found.is_good, "{found:?}");
    }
    let (found, ()) = look(&target, Trust::nobody(), async |mut io| {
        // It reads and says nothing.
        while io.read_u8().await.is_ok() {}
    })
    .await;
    is(&found, false, "no answer within 500 ms");
}
