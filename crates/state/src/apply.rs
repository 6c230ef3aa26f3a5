//! What each command does: one file per command.
//!
//! A command either has its whole effect or is rejected before it has any; of a batch that is true of each item.

mod allocate_member;
mod batch;
mod claim_member;
mod clear_override;
mod deregister;
mod drop_guard;
mod expire_overrides;
mod found;
mod grant_lease;
mod guarding;
mod lapse_leases;
mod pass_time;
mod raise_guard;
mod register;
mod report_check;
mod report_checks;
mod revive_leases;
mod revoke_lease;
mod set_availability;
mod set_override;
mod set_probers;
mod set_service_settings;
mod update;

use std::sync::Arc;

#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};
use quorate_model::{
    Generation, Instance, InstanceKey, InstanceParts, Leadership, Lease, LeaseId, LeaseKind, Revision,
};

use crate::{Command, Event, Mutated, Mutation, Outcome, Rejection, State};

/// What a command came to, with all that it changed in the catalog and the overrides.
pub(crate) type Applied = Result<(Outcome, Vec<Event>), Rejection>;

/// What a mutation came to, with the one change of the catalog that it made, if any.
type MutationApplied = Result<(Mutated, Option<Event>), Rejection>;

/// Applies `command`, of an entry of `leadership`, at the revision that `state` has been advanced to.
pub(crate) fn dispatch(state: &mut State, leadership: Leadership, command: &Command) -> Applied {
    if !matches!(command, Command::Found { .. }) {
        state.require_founded()?;
    }
    match command {
        Command::Found { cluster_id, epoch } => found::apply(state, *cluster_id, *epoch),
        Command::AllocateMember { nonce } => allocate_member::apply(state, *nonce),
        Command::Mutate(mutation) => {
            let (mutated, event) = mutate(state, mutation)?;
            let mut events: Vec<Event> = event.into_iter().collect();
            guarding::settle(state, &mut events);
            Ok((Outcome::Mutated(mutated), events))
        }
        Command::Batch { key, items } => batch::apply(state, key.as_ref(), items),
        Command::GrantLease {
            owner,
            incarnation,
            ttl,
            remove_after,
            granted_at_ms,
        } => {
            let lease = Lease {
                id: state.revision().into(),
                owner: owner.clone(),
                incarnation: *incarnation,
                ttl: *ttl,
                remove_after: *remove_after,
                kind: LeaseKind::Granted,
                granted_at_ms: *granted_at_ms,
            };
            grant_lease::apply(state, lease)
        }
        Command::RevokeLease { id } => Ok(revoke_lease::apply(state, *id)),
        Command::SetOverride {
            spec,
            expires_after,
            set_at_ms,
        } => set_override::apply(state, spec, *expires_after, *set_at_ms),
        Command::ClearOverride { target } => Ok(clear_override::apply(state, target)),
        Command::ExpireOverrides => Ok(expire_overrides::apply(state)),
        Command::SetServiceSettings { service, patch, reset } => {
            set_service_settings::apply(state, service, patch, *reset)
        }
        Command::ClaimMember { id, reserved, nonce } => claim_member::apply(state, *id, *reserved, *nonce),
        // What another leader has found is not for this one to do.
        Command::LapseLeases { by, leases } => Ok(lapse_leases::apply(state, of(*by, leadership, leases))),
        Command::ReviveLeases { by, leases } => Ok(revive_leases::apply(state, of(*by, leadership, leases))),
        Command::PassTime => Ok(pass_time::apply(state)),
        Command::RaiseGuard { scope, lasts } => raise_guard::apply(state, scope, *lasts),
        Command::DropGuard { scope } => Ok(drop_guard::apply(state, scope)),
        Command::SetProbers { members } => set_probers::apply(state, members),
        Command::ReportChecks {
            probers,
            reporter,
            items,
        } => report_checks::apply(state, *probers, *reporter, items),
    }
}

/// What one leadership has found, if it is the one of the entry: one that came too late has nothing to say.
fn of(by: Leadership, leadership: Leadership, leases: &[(LeaseId, Revision)]) -> &[(LeaseId, Revision)] {
    #[cfg(quorate_planted)]
    if planted::is(Planted::LapseWithoutTermCheck) {
        return leases;
    }
    if by == leadership { leases } else { &[] }
}

/// Applies one mutation, which is a command or an item of one.
fn mutate(state: &mut State, mutation: &Mutation) -> MutationApplied {
    match mutation {
        Mutation::Register {
            key,
            spec,
            takeover,
            lifetime,
            registered_at_ms,
        } => register::apply(
            state,
            key,
            &register::Asked::new(spec, *takeover, *lifetime, *registered_at_ms),
        ),
        Mutation::Update { key, generation, patch } => update::apply(state, key, *generation, patch),
        Mutation::Deregister { key, generation } => deregister::apply(state, key, *generation),
        Mutation::SetAvailability {
            key,
            availability,
            drain,
            generation,
        } => set_availability::apply(state, key, *availability, *drain, *generation),
        Mutation::ReportCheck {
            key,
            generation,
            check,
            verdict,
            output,
        } => report_check::apply(state, key, *generation, check, (*verdict, output)),
    }
}

/// The instance at `key`, for a command that needs one and may touch this generation of it.
fn existing(state: &State, key: &InstanceKey, generation: Option<Generation>) -> Result<Arc<Instance>, Rejection> {
    let instance = state.catalog().instance(key).ok_or(Rejection::NotFound)?;
    check_generation(instance, generation)?;
    Ok(Arc::clone(instance))
}

/// Refuses a command that speaks of another life of `instance` than the present one.
fn check_generation(instance: &Instance, generation: Option<Generation>) -> Result<(), Rejection> {
    let current = instance.generation();
    #[cfg(quorate_planted)]
    if planted::is(Planted::SkippedGenerationCheck) {
        return Ok(());
    }
    match generation {
        Some(stated) if stated != current => Err(Rejection::StaleGeneration { current }),
        Some(_) | None => Ok(()),
    }
}

/// Puts a changed copy of `current` in its place.
fn change(state: &mut State, current: &Instance, change: impl FnOnce(&mut InstanceParts)) -> Event {
    let mut parts = current.clone().into_parts();
    change(&mut parts);
    parts.modify_revision = state.revision();
    state.put(Instance::new(parts))
}
