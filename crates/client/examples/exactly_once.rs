//! Writes in a session: each takes effect once, though it may have to be sent several times.
//!
//! ```console
//! $ quorate dev &
//! $ QUORATE_ENDPOINTS=127.0.0.1:7301 cargo run -p quorate-client --example exactly_once
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use quorate_client::{
    Client, Error as RequestError, RegisterOptions, SessionOptions, Write,
    model::{DoorAddress, Endpoint, InstancePatch, InstanceSpec, ServiceName, SpecParts, Weight},
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::builder().endpoints(endpoints()?).build()?;
    let service: ServiceName = "example-jobs".parse()?;

    // One session for each process. Its owner stays the same when the process starts again.
    let options = SessionOptions {
        owner: Some("worker-1".parse()?),
        ..SessionOptions::default()
    };
    let session = client.open_session(options).await?;

    // If the answer gets lost, the session asks other members with the same key, and gets the first outcome.
    let id = "worker-1".parse()?;
    let registered = session.register(&service, &id, registration("10.0.0.1")?).await?;
    println!("registered {id}: {}", registered.value.change.as_str());

    let generation = Some(registered.value.generation);
    let patch = InstancePatch {
        weight: Some(Weight::new(10)),
        ..InstancePatch::default()
    };
    let updated = session.update(&service, &id, generation, patch).await?;
    println!("updated {id}: {}", updated.value.changed);

    // Many at a time. Each item has an outcome of its own.
    let mut writes = Vec::new();
    for number in 2..=4 {
        let id = format!("worker-{number}").parse()?;
        writes.push(Write::register(service.clone(), id, registration("10.0.0.2")?));
    }
    let outcomes = session.write_batch(writes).await;
    println!(
        "batch: {} of {} done",
        outcomes.iter().flatten().count(),
        outcomes.len()
    );

    for number in 1..=4 {
        session
            .deregister(&service, &format!("worker-{number}").parse()?, None)
            .await?;
    }
    session.close().await?;

    // What ends a session for good is told apart from everything else.
    match session.deregister(&service, &id, None).await {
        Err(RequestError::SessionLost { .. }) => println!("the session is over"),
        other => println!("not expected: {other:?}"),
    }
    Ok(())
}

/// What a worker states about itself. The session adds who it is.
fn registration(address: &str) -> Result<RegisterOptions, Box<dyn Error>> {
    let endpoint = Endpoint {
        address: address.parse()?,
        port: "9000".parse()?,
        protocol: None,
    };
    Ok(InstanceSpec::new(SpecParts::new(endpoint.into()))?.into())
}

/// Where the cluster is.
fn endpoints() -> Result<Vec<DoorAddress>, Box<dyn Error>> {
    let endpoints = std::env::var("QUORATE_ENDPOINTS").unwrap_or_else(|_| "127.0.0.1:7301".to_owned());
    Ok(endpoints.split(',').map(str::parse).collect::<Result<_, _>>()?)
}
