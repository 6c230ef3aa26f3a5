//! Batch: several mutations in one entry, and mutations that take effect once however often they come.

#[cfg(quorate_planted)]
use quorate_model::planted::{self, Planted};
use quorate_model::{RequestKey, limits};

use super::{Applied, guarding, mutate};
use crate::{
    Event, ItemOutcome, Limit, Mutation, Outcome, Rejection, State,
    leases::{Kept, KeptKey},
};

/// Does the items one after the other. What one comes to is no matter to the others.
pub(super) fn apply(state: &mut State, key: Option<&RequestKey>, items: &[(u32, Mutation)]) -> Applied {
    if items.len() > limits::BATCH_ITEMS_MAX {
        let limit = Limit::BatchItems;
        return Err(Rejection::LimitExceeded { limit });
    }
    if let Some(key) = key {
        state.leases().admit(key)?;
        state.move_window(key.lease(), key.window_start());
    }
    let mut events = Vec::new();
    let outcomes = items.iter().map(|(part, mutation)| match key {
        None => done(mutate(state, mutation), &mut events),
        Some(key) => once(state, key, *part, mutation, &mut events),
    });
    let outcomes = outcomes.collect();
    guarding::settle(state, &mut events);
    Ok((Outcome::Batch(outcomes), events))
}

/// Does an item unless it was done before. Its outcome is looked up before anything else is looked at: since then
/// the world has gone on, and what could be done then may not be possible any more.
fn once(state: &mut State, key: &RequestKey, part: u32, mutation: &Mutation, events: &mut Vec<Event>) -> ItemOutcome {
    let digest = mutation.digest();
    let place = KeptKey::new(key, part);
    #[cfg(quorate_planted)]
    if planted::is(Planted::DoubleApply) && state.leases().kept(&place).is_some() {
        return done(mutate(state, mutation), events);
    }
    if let Some(kept) = state.leases().kept(&place) {
        return if kept.digest == digest {
            kept.outcome.clone()
        } else {
            Err(Rejection::KeyReused)
        };
    }
    // What cannot be kept is not done: it would be done again.
    state.make_room(place.lease)?;
    let outcome = done(mutate(state, mutation), events);
    let kept = Kept {
        digest,
        outcome: outcome.clone(),
    };
    state.keep(place, kept);
    state.note_use(place.lease);
    outcome
}

fn done(applied: super::MutationApplied, events: &mut Vec<Event>) -> ItemOutcome {
    let (mutated, event) = applied?;
    events.extend(event);
    Ok(mutated)
}
