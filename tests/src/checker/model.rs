//! One instance, as the registry promises it to behave: the model that histories are held against.
//!
//! Revisions that no answer has told yet are kept as spans, which every further answer makes narrower.

use super::span::Span;
use crate::record::{Availability, Change, Content, Deed, Done, Effect, Holder, Instance, Refusal};

/// What is known of an instance between two operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct State {
    /// When it was changed last.
    last: Span,
    alive: Option<Alive>,
}

/// A registered instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Alive {
    holder: Holder,
    content: Content,
    availability: Availability,
    created: Span,
    generation: Span,
}

/// What happens to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Happening {
    /// A write that came to this.
    Done(Deed, Done),
    /// A write that had no effect, for this reason.
    Refused(Deed, Refusal),
    /// A write that may have had an effect.
    Perhaps(Deed),
    /// It was looked at.
    Seen(Fact),
}

/// What an answer says of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fact {
    /// It is this.
    Present(Instance),
    /// It is not there.
    Absent,
    /// It is not there, or not to be called.
    Hidden,
}

// === impl State ===

impl Default for State {
    fn default() -> Self {
        Self {
            last: Span::ZERO,
            alive: None,
        }
    }
}

impl State {
    /// What is known after something has happened at `place`; nothing, if it cannot have happened here. What may have
    /// had an effect has one.
    pub(super) fn after(&self, happening: &Happening, place: Span) -> Option<Self> {
        match happening {
            Happening::Done(deed, done) => self.done(*deed, *done, place),
            Happening::Refused(deed, refusal) => self.refused(*deed, *refusal, place),
            Happening::Perhaps(deed) => self.perhaps(*deed, place),
            Happening::Seen(fact) => self.seen(fact, place),
        }
    }

    /// The same state, of which it is known that nothing has changed since this revision.
    fn unchanged(self, until: u64) -> Option<Self> {
        let last = self.last.until(until)?;
        Some(Self { last, ..self })
    }

    fn seen(self, fact: &Fact, place: Span) -> Option<Self> {
        let state = self.unchanged(place.max)?;
        match (fact, state.alive) {
            (Fact::Absent | Fact::Hidden, None) => Some(state),
            (Fact::Hidden, Some(alive)) => (alive.availability != Availability::Enabled).then_some(state),
            (Fact::Present(found), Some(alive)) => {
                let same = alive.holder == found.holder
                    && Some(alive.content) == found.content
                    && alive.availability == found.availability;
                let alive = Alive {
                    created: alive.created.at(found.create_revision)?,
                    generation: alive.generation.at(found.generation)?,
                    ..alive
                };
                let last = state.last.at(found.modify_revision)?;
                let alive = Some(alive);
                same.then_some(Self { last, alive })
            }
            (Fact::Absent, Some(_)) | (Fact::Present(_), None) => None,
        }
    }

    fn done(self, deed: Deed, done: Done, place: Span) -> Option<Self> {
        match (deed, done.effect) {
            (
                Deed::Register {
                    holder,
                    value,
                    takeover,
                },
                Effect::Registered { generation, change },
            ) => {
                let claim = Claim {
                    holder,
                    value,
                    takeover,
                };
                self.registered(claim, generation, change, done.revision, place)
            }
            (Deed::Update { .. } | Deed::SetAvailability { .. }, Effect::Changed { generation, changed }) => {
                let after = self.changed(deed, place)?;
                let is_fenced = deed.generation().is_none_or(|stated| stated == generation);
                let differs = after.alive != self.alive;
                (is_fenced && differs == changed)
                    .then_some(after)?
                    .told(generation, done.revision)
            }
            (Deed::Deregister { generation }, Effect::Deregistered { existed: true }) => self.gone(generation, place),
            (Deed::Deregister { .. }, Effect::Deregistered { existed: false }) => {
                self.alive.is_none().then_some(self)?.unchanged(place.max)
            }
            (
                Deed::Register { .. } | Deed::Update { .. } | Deed::SetAvailability { .. } | Deed::Deregister { .. },
                Effect::Registered { .. } | Effect::Changed { .. } | Effect::Deregistered { .. },
            ) => None,
        }
    }

    fn registered(
        self,
        claim: Claim,
        generation: u64,
        change: Change,
        revision: Option<u64>,
        place: Span,
    ) -> Option<Self> {
        let place = match change {
            // A new generation is named after the revision at which it began.
            Change::Created | Change::Replaced => place.at(generation)?,
            Change::Updated | Change::Unchanged => place,
        };
        let (expected, after) = self.claimed(claim, place)?;
        (expected == change).then_some(after)?.told(generation, revision)
    }

    /// What a registration makes of it.
    fn claimed(self, claim: Claim, place: Span) -> Option<(Change, Self)> {
        let content = Content {
            base: claim.value,
            value: claim.value,
        };
        let now = place.after(self.last)?;
        let Some(alive) = self.alive else {
            let alive = Some(Alive {
                holder: claim.holder,
                content,
                availability: Availability::Enabled,
                created: now,
                generation: now,
            });
            return Some((Change::Created, Self { last: now, alive }));
        };
        let is_foreign = alive.holder.owner != claim.holder.owner;
        if is_foreign && !claim.takeover {
            return None;
        }
        if alive.holder == claim.holder && alive.content == content {
            return Some((Change::Unchanged, self.unchanged(place.max)?));
        }
        let (change, generation) = if alive.holder == claim.holder {
            (Change::Updated, alive.generation)
        } else {
            (Change::Replaced, now)
        };
        let alive = Some(Alive {
            holder: claim.holder,
            content,
            generation,
            ..alive
        });
        Some((change, Self { last: now, alive }))
    }

    /// What an update or an availability makes of it, whatever it was before.
    fn changed(self, deed: Deed, place: Span) -> Option<Self> {
        let mut alive = self.alive?;
        if let Some(stated) = deed.generation() {
            alive.generation = alive.generation.at(stated)?;
        }
        match deed {
            Deed::Update { value, .. } => alive.content.value = value,
            Deed::SetAvailability { availability, .. } => alive.availability = availability,
            Deed::Register { .. } | Deed::Deregister { .. } => {}
        }
        let fenced = self.alive.map(|before| Alive {
            generation: alive.generation,
            ..before
        });
        if fenced == Some(alive) {
            let unchanged = self.unchanged(place.max)?;
            return Some(Self {
                alive: self.alive,
                ..unchanged
            });
        }
        let last = place.after(self.last)?;
        let alive = Some(alive);
        Some(Self { last, alive })
    }

    fn gone(self, generation: Option<u64>, place: Span) -> Option<Self> {
        let alive = self.alive?;
        if let Some(stated) = generation {
            alive.generation.at(stated)?;
        }
        let last = place.after(self.last)?;
        Some(Self { last, alive: None })
    }

    /// The same, of which an answer has told the generation, and perhaps the revision of the last change.
    fn told(self, generation: u64, revision: Option<u64>) -> Option<Self> {
        let mut alive = self.alive?;
        alive.generation = alive.generation.at(generation)?;
        let last = match revision {
            Some(revision) => self.last.at(revision)?,
            None => self.last,
        };
        let alive = Some(alive);
        Some(Self { last, alive })
    }

    fn refused(self, deed: Deed, refusal: Refusal, place: Span) -> Option<Self> {
        let is_right = match (deed, refusal, self.alive) {
            (Deed::Register { holder, takeover, .. }, Refusal::AlreadyExists, Some(alive)) => {
                alive.holder.owner != holder.owner && !takeover
            }
            (
                Deed::Update { .. } | Deed::SetAvailability { .. } | Deed::Deregister { .. },
                Refusal::StaleGeneration,
                Some(alive),
            ) => deed.generation().is_some_and(|stated| !alive.generation.is(stated)),
            (Deed::Update { .. } | Deed::SetAvailability { .. }, Refusal::NotFound, None) => true,
            (
                Deed::Register { .. } | Deed::Update { .. } | Deed::SetAvailability { .. } | Deed::Deregister { .. },
                _,
                _,
            ) => false,
        };
        is_right.then_some(self)?.unchanged(place.max)
    }

    /// The effect of a write, if it has one here.
    fn perhaps(self, deed: Deed, place: Span) -> Option<Self> {
        let after = match deed {
            Deed::Register {
                holder,
                value,
                takeover,
            } => {
                let claim = Claim {
                    holder,
                    value,
                    takeover,
                };
                self.claimed(claim, place)?.1
            }
            Deed::Update { .. } | Deed::SetAvailability { .. } => self.changed(deed, place)?,
            Deed::Deregister { generation } => self.gone(generation, place)?,
        };
        (after.alive != self.alive).then_some(after)
    }
}

/// What a registration states.
#[derive(Debug, Clone, Copy)]
struct Claim {
    holder: Holder,
    value: u64,
    takeover: bool,
}
