//! Verbs that read.

use quorate_client::{Answer, Instances, Picked};
use quorate_model::ServiceName;

use super::Session;
use crate::{
    args::{InstancesArgs, PickArgs, ReadArgs, ResolveArgs, StatusArgs},
    failure::Failure,
    output::{InstancesView, PickedView, ServicesView, StatusView},
};

pub(super) async fn resolve(session: &Session, args: &ResolveArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.read.consistency);
    let answer = session.answer(client.resolve(&args.service, args.filter()?)).await?;
    print_instances(session, &args.service, &answer)
}

pub(super) async fn pick(session: &Session, args: &PickArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.read.consistency);
    let asked = client.pick(&args.service, args.filter()?, args.policy()?);
    let answer = session.answer(asked).await?;
    session.print(&PickedView::from(&answer))?;
    match answer.value {
        Picked { instance: Some(_), .. } => Ok(()),
        Picked {
            service_known: false, ..
        } => Err(session.no_service(&args.service)),
        Picked {
            service_known: true, ..
        } => Err(Failure::NotFound(format!(
            "no instance of the service {} can be chosen: none matches and has a weight above 0",
            args.service
        ))),
    }
}

pub(super) async fn instances(session: &Session, args: &InstancesArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.read.consistency);
    let answer = session.answer(client.list_instances(&args.service)).await?;
    print_instances(session, &args.service, &answer)
}

pub(super) async fn services(session: &Session, args: ReadArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.consistency);
    let answer = session.answer(client.list_services()).await?;
    session.print(&ServicesView::from(&answer))
}

pub(super) async fn status(session: &Session, args: &StatusArgs) -> Result<(), Failure> {
    let answer = session.answer(session.client.status()).await?;
    session.print(&StatusView::from(&answer))?;
    if answer.value.ready || !args.ready {
        return Ok(());
    }
    let id = answer.header.member_id;
    Err(Failure::Unavailable(format!(
        "member {id} is not ready: it has not caught up with a leader that a quorum confirms"
    )))
}

/// Prints the answer in any case: a program that asked for JSON gets its object.
fn print_instances(session: &Session, service: &ServiceName, answer: &Answer<Instances>) -> Result<(), Failure> {
    session.print(&InstancesView::from(answer))?;
    if answer.value.service_known {
        return Ok(());
    }
    Err(session.no_service(service))
}
