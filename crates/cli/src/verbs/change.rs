//! Verbs that change the catalog.

use quorate_client::{Registration, RegistrationState};
use quorate_model::Availability;

use super::Session;
use crate::{
    args::{DeregisterArgs, DrainArgs, InstanceArgs, RegisterArgs},
    failure::Failure,
    output::{self, ChangedView, DeregisteredView, KeptView, RegisteredView},
    signals::Signals,
};

pub(super) async fn register(session: &Session, args: &RegisterArgs) -> Result<(), Failure> {
    if args.keep_alive {
        return keep_registered(session, args).await;
    }
    let registration = args.registration()?;
    let InstanceArgs { service, id } = &args.instance;
    let answer = session
        .answer(session.client.register(service, id, registration))
        .await?;
    session.print(&RegisteredView::from(&answer))
}

/// Keeps an instance registered until the process is told to end.
async fn keep_registered(session: &Session, args: &RegisterArgs) -> Result<(), Failure> {
    // Whoever is told to end while it registers still deregisters.
    let mut signals = Signals::install()
        .map_err(|error| Failure::Failed(format!("the operating system does not let signals be heard: {error}")))?;
    let InstanceArgs { service, id } = args.instance.clone();
    let client = session.following()?;
    let builder = client.registration(service.clone(), id.clone(), args.registration()?);
    let opened = builder.ttl(args.ttl.unwrap_or_default()).open().await;
    let registration = opened.map_err(|error| Failure::of_request(&error, &session.endpoints))?;
    let state = registration.state().borrow().clone();
    if let RegistrationState::Registered { generation, lease } = state {
        session.print(&KeptView::new(&session.namespace, &service, &id, generation, lease))?;
    }
    tokio::select! {
        () = signals.next() => {}
        failure = watch_over(&registration) => return Err(failure),
    }
    let closed = tokio::select! {
        closed = registration.close() => closed,
        // Whoever asks twice does not want to wait: it lapses.
        () = signals.next() => return Ok(()),
    };
    closed.map_err(|error| Failure::of_request(&error, &session.endpoints))
}

/// Tells how it goes on, until the registration is lost.
async fn watch_over(registration: &Registration) -> Failure {
    let mut state = registration.state();
    state.mark_unchanged();
    loop {
        if state.changed().await.is_err() {
            return Failure::Failed("nobody looks after the registration any more".to_owned());
        }
        match &*state.borrow_and_update() {
            RegistrationState::Registered { generation, lease } => {
                output::say(format_args!("registered, generation {generation}, lease {lease}"));
            }
            RegistrationState::Late { .. } => {
                output::say("no member renews the lease; the instance may have left answers until one does");
            }
            RegistrationState::Registering => output::say("the lease is gone; the instance is registered anew"),
            RegistrationState::Lost { why } => {
                return Failure::Failed(format!("the registration is lost: {why}"));
            }
            RegistrationState::Closed | _ => {}
        }
    }
}

pub(super) async fn drain(session: &Session, args: &DrainArgs) -> Result<(), Failure> {
    let Some(time) = args.time else {
        return set_availability(session, &args.instance, Availability::Draining).await;
    };
    let InstanceArgs { service, id } = &args.instance;
    let answer = session.answer(session.client.drain(service, id, None, time)).await?;
    session.print(&ChangedView::from(&answer))
}

pub(super) async fn deregister(session: &Session, args: &DeregisterArgs) -> Result<(), Failure> {
    let InstanceArgs { service, id } = &args.instance;
    let answer = session
        .answer(session.client.deregister(service, id, args.generation))
        .await?;
    session.print(&DeregisteredView::from(&answer))?;
    if answer.value.existed {
        return Ok(());
    }
    Err(session.no_instance(service, id))
}

pub(super) async fn set_availability(
    session: &Session,
    args: &InstanceArgs,
    availability: Availability,
) -> Result<(), Failure> {
    let InstanceArgs { service, id } = args;
    let request = session.client.set_availability(service, id, None, availability);
    let answer = session.answer(request).await?;
    session.print(&ChangedView::from(&answer))
}
