//! Verbs that change the catalog.

use quorate_model::Availability;

use super::Session;
use crate::{
    args::{DeregisterArgs, InstanceArgs, RegisterArgs},
    failure::Failure,
    output::{ChangedView, DeregisteredView, RegisteredView},
};

pub(super) async fn register(session: &Session, args: &RegisterArgs) -> Result<(), Failure> {
    let registration = args.registration()?;
    let InstanceArgs { service, id } = &args.instance;
    let answer = session
        .answer(session.client.register(service, id, registration))
        .await?;
    session.print(&RegisteredView::from(&answer))
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
