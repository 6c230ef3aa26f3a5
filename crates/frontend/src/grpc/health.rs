//! The health service of gRPC: it says whether the member asks for requests.

use futures::FutureExt as _;
use quorate_proto::{
    cluster::{cluster_server, operator_server},
    registry::{leases_server, registry_server},
};
use quorate_registry::{Policy, Tasks};
use tokio::sync::watch;
use tonic_health::{
    ServingStatus,
    pb::health_server::{Health, HealthServer},
    server::{HealthReporter, health_reporter},
};

/// What is asked after: the member as a whole, and each of its services.
pub(super) const SERVICES: &[&str] = &[
    "",
    registry_server::SERVICE_NAME,
    leases_server::SERVICE_NAME,
    cluster_server::SERVICE_NAME,
    operator_server::SERVICE_NAME,
];

/// A health service that follows `serving`, with the task that makes it.
pub(super) fn start(tasks: &Tasks, serving: watch::Receiver<bool>) -> HealthServer<impl Health> {
    let (reporter, server) = health_reporter();
    // Nothing is said to serve before the task has looked.
    report(&reporter, false)
        .now_or_never()
        .expect("nobody else holds its lock yet");
    tasks.spawn("health", Policy::Essential, follow(reporter, serving));
    server
}

async fn follow(reporter: HealthReporter, mut serving: watch::Receiver<bool>) {
    loop {
        let is_serving = *serving.borrow_and_update();
        report(&reporter, is_serving).await;
        if serving.changed().await.is_err() {
            // Who decided that is gone: the node stops.
            return report(&reporter, false).await;
        }
    }
}

async fn report(reporter: &HealthReporter, is_serving: bool) {
    let status = if is_serving {
        ServingStatus::Serving
    } else {
        ServingStatus::NotServing
    };
    for service in SERVICES {
        reporter.set_service_status(service, status).await;
    }
}
