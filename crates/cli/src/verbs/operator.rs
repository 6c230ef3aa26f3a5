//! Verbs about what operators decide of services and instances.

use super::Session;
use crate::{
    args::{
        OverrideArgs, OverrideClearArgs, OverrideListArgs, OverrideSetArgs, OverrideVerb, ServiceArgs, ServiceSetArgs,
        ServiceShowArgs, ServiceVerb,
    },
    failure::Failure,
    output::{OverrideClearedView, OverrideSetView, OverridesView, SettingsSetView, SettingsView},
};

pub(super) async fn overrides(session: &Session, args: &OverrideArgs) -> Result<(), Failure> {
    match &args.verb {
        OverrideVerb::Set(args) => set(session, args).await,
        OverrideVerb::Clear(args) => clear(session, args).await,
        OverrideVerb::List(args) => list(session, args).await,
    }
}

async fn set(session: &Session, args: &OverrideSetArgs) -> Result<(), Failure> {
    let spec = args.spec(&session.namespace)?;
    let setting = session.client.set_override(spec, args.expires_after()?);
    let answer = session.answer(setting).await?;
    session.print(&OverrideSetView::from(&answer))
}

async fn clear(session: &Session, args: &OverrideClearArgs) -> Result<(), Failure> {
    let target = args.target(&session.namespace)?;
    let clearing = session.client.clear_override(target.clone());
    let answer = session.answer(clearing).await?;
    session.print(&OverrideClearedView::from(&answer))?;
    if answer.value.existed {
        return Ok(());
    }
    Err(Failure::NotFound(format!("there is no override: {target}")))
}

async fn list(session: &Session, args: &OverrideListArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.read.consistency);
    let answer = session.answer(client.list_overrides(args.service.as_ref())).await?;
    session.print(&OverridesView::from(&answer))
}

pub(super) async fn service(session: &Session, args: &ServiceArgs) -> Result<(), Failure> {
    match &args.verb {
        ServiceVerb::Set(args) => set_settings(session, args).await,
        ServiceVerb::Show(args) => show_settings(session, args).await,
    }
}

async fn set_settings(session: &Session, args: &ServiceSetArgs) -> Result<(), Failure> {
    let setting = session
        .client
        .set_service_settings(&args.service, args.patch(), args.reset);
    let answer = session.answer(setting).await?;
    session.print(&SettingsSetView::from(&answer))
}

async fn show_settings(session: &Session, args: &ServiceShowArgs) -> Result<(), Failure> {
    let client = session.client.with_consistency(args.read.consistency);
    let answer = session.answer(client.get_service_settings(&args.service)).await?;
    session.print(&SettingsView::from(&answer))
}
