//! Short ways to values of the model.

use quorate_client::RegisterOptions;
use quorate_model::{
    Endpoint, Endpoints, InstanceId, InstanceKey, InstanceSpec, NamespaceName, ServiceName, SpecParts,
};

/// A service's name.
pub fn service(name: &str) -> ServiceName {
    name.parse().expect("a valid name of a service")
}

/// An instance's id.
pub fn id(id: &str) -> InstanceId {
    id.parse().expect("a valid id of an instance")
}

/// What an instance of the default namespace is found by.
pub fn key(service_name: &str, instance: &str) -> InstanceKey {
    InstanceKey {
        namespace: NamespaceName::default(),
        service: service(service_name),
        id: id(instance),
    }
}

/// An instance at 10.0.0.1, of which nothing else is told.
pub fn parts(port: u16) -> SpecParts {
    SpecParts::new(Endpoints::from(Endpoint {
        address: "10.0.0.1".parse().expect("a valid address"),
        port: port.try_into().expect("a port that is not 0"),
        protocol: None,
    }))
}

/// The registration of an instance.
pub fn registration(parts: SpecParts) -> RegisterOptions {
    InstanceSpec::new(parts).expect("parts within the limits").into()
}
