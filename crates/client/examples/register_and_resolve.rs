//! Registers two instances of a service, finds them, picks one, and takes them out again.
//!
//! ```console
//! $ quorate dev &
//! $ QUORATE_ENDPOINTS=127.0.0.1:7301 cargo run -p quorate-client --example register_and_resolve
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use quorate_client::{
    Client,
    model::{DoorAddress, Endpoint, Filter, InstanceId, InstanceSpec, Policy, ServiceName, SpecParts},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // One member is enough: the client learns of the others.
    let client = Client::builder().endpoints(endpoints()?).build()?;
    let service: ServiceName = "example-web".parse()?;

    for (id, address, version) in [("web-1", "10.0.0.1", "1.4.0"), ("web-2", "10.0.0.2", "2.0.0")] {
        let id: InstanceId = id.parse()?;
        let registered = client.register(&service, &id, spec(address, version)?.into()).await?;
        // The generation is what an update or the deregistration of this very registration names.
        println!("registered {id}: {}", registered.value.change.as_str());
    }

    let filter = Filter {
        version: Some("^1.2".parse()?),
        ..Filter::default()
    };
    let answer = client.resolve(&service, filter).await?;
    for instance in &answer.value.instances {
        for endpoint in instance.spec().endpoints() {
            println!("resolved {} at {endpoint}", instance.key().id);
        }
    }

    // To choose again and again, resolve once in a while and choose from the answer.
    let answer = client.resolve(&service, Filter::default()).await?;
    if let Some(instance) = client.pick_from(&answer.value, &Policy::Weighted) {
        println!(
            "picked one of {}: {}",
            answer.value.instances.len(),
            instance.key().service
        );
    }

    for id in ["web-1", "web-2"] {
        let taken_out = client.deregister(&service, &id.parse()?, None).await?;
        println!("deregistered {id}: {}", taken_out.value.existed);
    }
    Ok(())
}

/// What an instance states about itself.
fn spec(address: &str, version: &str) -> Result<InstanceSpec, Box<dyn Error>> {
    let endpoint = Endpoint {
        address: address.parse()?,
        port: "8080".parse()?,
        protocol: Some("http".parse()?),
    };
    let mut parts = SpecParts::new(endpoint.into());
    parts.version = Some(version.parse()?);
    Ok(InstanceSpec::new(parts)?)
}

/// Where the cluster is.
fn endpoints() -> Result<Vec<DoorAddress>, Box<dyn Error>> {
    let endpoints = std::env::var("QUORATE_ENDPOINTS").unwrap_or_else(|_| "127.0.0.1:7301".to_owned());
    Ok(endpoints.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
