//! Several writes in one request.

use std::time::Duration;

use quorate_model::RequestKey;
use quorate_state::Mutation;

use super::{Registry, Shared};
use crate::{
    Answer, Error, Outcomes, Write,
    batch::{Entry, Packed, Packing, Run, common_failure, part_by_room},
    deadline::Deadline,
};

impl Registry {
    /// Does the writes, each known by its place in the request, and answers what each came to: an error, if all of
    /// them failed for a reason that is not theirs. Writes of one instance are done in their order.
    ///
    /// The header's revision is that of the last write that was done, or of the state if none was.
    pub async fn write_batch(
        &self,
        writes: Vec<(u32, Write)>,
        once: Option<RequestKey>,
        time_left: Duration,
    ) -> Result<Answer<Outcomes>, Error> {
        let Shared { gate, route, .. } = &*self.shared;
        let deadline = self.deadline(time_left);
        let now_ms = self.shared.clock.wall_ms();
        let (mut mutations, mut refused) = (Entry::with_capacity(writes.len()), Outcomes::new());
        for (place, write) in writes {
            match write.check() {
                Ok(()) => mutations.push((place, write.into_mutation(now_ms))),
                Err(error) => drop(refused.insert(place, Err(error))),
            }
        }
        let (mutations, without_room) = self.with_room(mutations, once, &deadline).await?;
        refused.extend(without_room);
        let packed = self.packed(mutations, once)?;
        let _permit = gate.enter(packed.widest(), &deadline).await?;
        let Run { outcomes, revision } = Run::new(refused).go(route, gate, packed, once, &deadline).await;
        if let Some(error) = common_failure(&outcomes) {
            return Err(error.clone());
        }
        let mut header = self.header(&self.shared.reader.reading());
        header.revision = revision.unwrap_or(header.revision);
        header.staleness = None;
        Ok(Answer {
            header,
            value: outcomes,
        })
    }

    fn packed(&self, mutations: Entry, once: Option<RequestKey>) -> Result<Packed, Error> {
        let packing = Packing::new(once, self.shared.limits.command_len_max);
        let packing = packing.map_err(|error| Error::Internal {
            problem: format!("a batch cannot be encoded: {error}"),
        })?;
        Ok(packing.pack(mutations))
    }

    /// Tells what would come to nothing for lack of room from the rest.
    ///
    /// Not where something is taken out, which makes room; nor for what is to be done once, as it may be done already.
    async fn with_room(
        &self,
        mutations: Entry,
        once: Option<RequestKey>,
        deadline: &Deadline,
    ) -> Result<(Entry, Outcomes), Error> {
        let makes_room = |mutation: &Mutation| matches!(mutation, Mutation::Deregister { .. });
        if once.is_some() || mutations.iter().any(|(_, mutation)| makes_room(mutation)) {
            return Ok((mutations, Outcomes::new()));
        }
        part_by_room(mutations, &self.shared.reader, deadline).await
    }
}
