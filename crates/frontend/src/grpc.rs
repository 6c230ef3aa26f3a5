//! gRPC: the registry and cluster services of our own contract, health and reflection.

mod answer;
mod cluster;
mod edge;
mod error;
mod health;
mod leases;
mod limits;
mod operator;
mod registry;

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic_health::pb::health_server::{self, Health, HealthServer};
use tonic_reflection::{
    pb::{v1, v1alpha},
    server::Builder as Reflection,
};

use quorate_model::Clock;
use quorate_proto::{
    DESCRIPTORS,
    cluster::{
        cluster_server::{Cluster, ClusterServer},
        operator_server::{Operator, OperatorServer},
    },
    registry::{
        leases_server::{Leases, LeasesServer},
        registry_server::{Registry, RegistryServer},
    },
};
use quorate_registry::Registry as Facade;

use cluster::ClusterDoor;
use edge::EdgeLayer;
use leases::LeasesDoor;
use operator::OperatorDoor;
use registry::RegistryDoor;

pub use leases::ClientConnection;
pub use limits::Limits;

/// All that a member answers its clients, to be served at its client door. Starts the task that makes the health
/// service say whether the member is `serving`: ready, for all that is known, and asking for requests. When `stopping` is
/// cancelled, streams end that would not end by themselves.
pub fn routes(
    registry: &Facade,
    serving: watch::Receiver<bool>,
    limits: Limits,
    stopping: CancellationToken,
) -> Routes {
    let services = Services {
        registry: RegistryDoor::new(registry.clone(), limits),
        leases: LeasesDoor::new(registry.clone(), limits, stopping),
        cluster: ClusterDoor::new(registry.clone()),
        operator: OperatorDoor::new(registry.clone()),
        health: health::start(registry.tasks(), serving),
    };
    services.behind_the_edge(Arc::clone(registry.clock()), limits, registry.removed())
}

/// What is served.
struct Services<R, L, C, O, H> {
    registry: R,
    leases: L,
    cluster: C,
    operator: O,
    health: HealthServer<H>,
}

// === impl Services ===

impl<R: Registry, L: Leases, C: Cluster, O: Operator, H: Health> Services<R, L, C, O, H> {
    fn behind_the_edge(self, clock: Arc<dyn Clock>, limits: Limits, removed: watch::Receiver<bool>) -> Routes {
        let len_max = limits.request_len_max;
        let described = "the descriptors are generated, and checked by a test";
        let v1 = reflection(v1::server_reflection_server::SERVICE_NAME)
            .build_v1()
            .expect(described);
        let v1alpha = reflection(v1alpha::server_reflection_server::SERVICE_NAME)
            .build_v1alpha()
            .expect(described);
        let routes = Routes::default()
            .add_service(RegistryServer::new(self.registry).max_decoding_message_size(len_max))
            .add_service(LeasesServer::new(self.leases).max_decoding_message_size(len_max))
            .add_service(ClusterServer::new(self.cluster).max_decoding_message_size(len_max))
            .add_service(OperatorServer::new(self.operator).max_decoding_message_size(len_max))
            .add_service(self.health.max_decoding_message_size(len_max))
            .add_service(v1.max_decoding_message_size(len_max))
            .add_service(v1alpha.max_decoding_message_size(len_max));
        routes
            .into_axum_router()
            .layer(EdgeLayer::new(clock, limits, removed))
            .into()
    }
}

/// A reflection service that goes by the name of `own`. Its descriptors come in files, which tell of the services of
/// the peer door too: it lists only what is served here.
fn reflection(own: &'static str) -> Reflection<'static> {
    let served = health::SERVICES.iter().filter(|name| !name.is_empty());
    let served = served.copied().chain([health_server::SERVICE_NAME, own]);
    let described = Reflection::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
    served.fold(described, Reflection::with_service_name)
}

#[cfg(test)]
mod tests;
