//! Reads that see what was written before, on whatever member: in one client by itself, and from one client to another
//! by handing over the state that was seen.
//!
//! ```console
//! $ quorate dev &
//! $ QUORATE_ENDPOINTS=127.0.0.1:7301,127.0.0.1:7302 cargo run -p quorate-client --example read_your_writes
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::{error::Error, time::Duration};

use quorate_client::{
    Client,
    model::{
        Consistency, DoorAddress, Endpoint, Filter, InstanceId, InstanceSpec, MaxStaleness, ServiceName, SpecParts,
    },
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoints = endpoints()?;
    let first = endpoints.first().ok_or("QUORATE_ENDPOINTS is empty")?.clone();
    let last = endpoints.last().ok_or("QUORATE_ENDPOINTS is empty")?.clone();
    let service: ServiceName = "example-cache".parse()?;
    let id: InstanceId = "cache-1".parse()?;

    // A client remembers the newest state that it has seen, and asks for nothing older.
    let writer = Client::builder().endpoints([first]).build()?;
    let registered = writer.register(&service, &id, spec()?.into()).await?;
    let answer = writer.resolve(&service, Filter::default()).await?;
    println!("the writer sees {} instance", answer.value.instances.len());

    // Another client, at another member, knows nothing of that. It is told which state to wait for: the numbers may
    // travel in a message or a header.
    let seen = Consistency::AtLeast {
        epoch: Some(registered.header.epoch),
        revision: registered.header.revision,
    };
    let reader = Client::builder().endpoints([last]).discover(false).build()?;
    let answer = reader
        .with_consistency(seen)
        .resolve(&service, Filter::default())
        .await?;
    println!("the reader sees {} instance", answer.value.instances.len());

    // From then on it does not go back behind that either.
    let answer = reader.resolve(&service, Filter::default()).await?;
    println!("and goes on seeing {} instance", answer.value.instances.len());

    // Where it is the age that counts: an answer that is at most a second behind, as measured by the member.
    let fresh = Consistency::Bounded {
        max_staleness: MaxStaleness::from_ms(1_000)?,
    };
    let answer = reader
        .with_consistency(fresh)
        .resolve(&service, Filter::default())
        .await?;
    let staleness = answer.header.staleness_ms.map(Duration::from_millis);
    println!(
        "within the bound: {}",
        staleness.is_some_and(|staleness| staleness <= Duration::from_secs(1))
    );

    writer
        .deregister(&service, &id, Some(registered.value.generation))
        .await?;
    Ok(())
}

/// What the instance states about itself.
fn spec() -> Result<InstanceSpec, Box<dyn Error>> {
    let endpoint = Endpoint {
        address: "10.0.0.1".parse()?,
        port: "6379".parse()?,
        protocol: None,
    };
    Ok(InstanceSpec::new(SpecParts::new(endpoint.into()))?)
}

/// Where the cluster is.
fn endpoints() -> Result<Vec<DoorAddress>, Box<dyn Error>> {
    let endpoints = std::env::var("QUORATE_ENDPOINTS").unwrap_or_else(|_| "127.0.0.1:7301".to_owned());
    Ok(endpoints.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
