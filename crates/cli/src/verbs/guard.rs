//! Verbs about guards.

use super::Session;
use crate::{
    args::{GuardArgs, GuardDropArgs, GuardRaiseArgs, GuardVerb, ReadArgs},
    failure::Failure,
    output::{GuardDroppedView, GuardRaisedView, GuardsView},
};

pub(super) async fn run(session: &Session, args: &GuardArgs) -> Result<(), Failure> {
    match &args.verb {
        GuardVerb::List(args) => list(session, *args).await,
        GuardVerb::Raise(args) => raise(session, args).await,
        GuardVerb::Drop(args) => lower(session, args).await,
    }
}

async fn list(session: &Session, args: ReadArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.consistency);
    let answer = session.answer(client.list_guards()).await?;
    session.print(&GuardsView::from(&answer))
}

async fn raise(session: &Session, args: &GuardRaiseArgs) -> Result<(), Failure> {
    let scope = args.scope.scope(&session.namespace);
    let answer = session.answer(session.client.raise_guard(scope, args.time)).await?;
    session.print(&GuardRaisedView::from(&answer))
}

async fn lower(session: &Session, args: &GuardDropArgs) -> Result<(), Failure> {
    let scope = args.scope.scope(&session.namespace);
    let answer = session.answer(session.client.drop_guard(scope.clone())).await?;
    session.print(&GuardDroppedView::from(&answer))?;
    if answer.value.existed {
        return Ok(());
    }
    Err(Failure::NotFound(format!("no guard is raised for {scope}")))
}
