//! Guards: what is raised, and what operators raise and drop.

use std::time::Duration;

use quorate_model::{Consistency, GuardScope, GuardTime};
use quorate_state::{Command, Effect, Outcome};

use super::Registry;
use crate::{Answer, Error, GuardList, route::Repeat};

impl Registry {
    /// Lists the guards that are raised.
    pub async fn list_guards(&self, consistency: Consistency, time_left: Duration) -> Result<Answer<GuardList>, Error> {
        let consensus = &self.shared.consensus;
        self.read(consistency, time_left, |state| GuardList {
            guards: state.raised_guards().collect(),
            // What was applied last may be long ago; a leader knows what has passed since.
            now: consensus.log_time().max(state.log_time()),
        })
        .await
    }

    /// Raises a guard by hand, and answers whether anything changed.
    pub async fn raise_guard(
        &self,
        scope: GuardScope,
        lasts: GuardTime,
        time_left: Duration,
    ) -> Result<Answer<Effect>, Error> {
        let command = Command::RaiseGuard { scope, lasts };
        self.write(&command, Repeat::Harmless, &self.deadline(time_left), |outcome| {
            let Outcome::GuardRaised { effect } = outcome else {
                return None;
            };
            Some(effect)
        })
        .await
    }

    /// Drops a guard, and answers whether it was raised.
    pub async fn drop_guard(&self, scope: GuardScope, time_left: Duration) -> Result<Answer<bool>, Error> {
        let command = Command::DropGuard { scope };
        self.write(&command, Repeat::Harmful, &self.deadline(time_left), |outcome| {
            let Outcome::GuardDropped { existed } = outcome else {
                return None;
            };
            Some(existed)
        })
        .await
    }
}
