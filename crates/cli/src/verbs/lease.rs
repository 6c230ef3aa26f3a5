//! Verbs about leases.

use super::Session;
use crate::{
    args::{LeaseArgs, LeaseListArgs, LeaseShowArgs, LeaseVerb},
    failure::Failure,
    output::{LeaseView, LeasesView},
};

pub(super) async fn run(session: &Session, args: &LeaseArgs) -> Result<(), Failure> {
    match &args.verb {
        LeaseVerb::List(args) => list(session, args).await,
        LeaseVerb::Show(args) => show(session, args).await,
    }
}

async fn list(session: &Session, args: &LeaseListArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.read.consistency);
    let answer = session.answer(client.list_leases(args.lapsed)).await?;
    session.print(&LeasesView::from(&answer))
}

async fn show(session: &Session, args: &LeaseShowArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.read.consistency);
    let answer = session.answer(client.get_lease(args.id)).await?;
    session.print(&LeaseView::from(&answer))
}
