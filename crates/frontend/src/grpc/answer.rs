//! From answers of the registry to messages.

use std::time::Duration;

use prost::Message as _;
use quorate_model::{Found, InstanceId};
use quorate_proto::{convert, registry as pb, status::Reason};
use quorate_registry::{GuardList, Header, Leader};
use quorate_state::{Change, Effect, RaisedGuard};
use tonic::Status;

/// Room in a message for all but its instances: the header, a page token, a flag.
const HEADROOM_LEN: usize = 2 << 10;

pub(super) fn header(header: Header) -> pb::ResponseHeader {
    let Header {
        cluster_id,
        epoch,
        member_id,
        term,
        revision,
        leader,
        staleness,
        guards_raised,
    } = header;
    let (leader_id, leader_address) = match leader {
        Some(Leader { id, client_address }) => (id.get(), client_address.to_string()),
        None => (0, String::new()),
    };
    pb::ResponseHeader {
        cluster_id: cluster_id.to_string(),
        epoch: epoch.get(),
        member_id: member_id.get(),
        term: term.get(),
        revision: revision.get(),
        leader_id,
        leader_address,
        // The registry states whole milliseconds, rounded up.
        staleness_ms: staleness.map(ms),
        guards_raised: count(guards_raised),
    }
}

/// Whole milliseconds.
pub(super) fn ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn guards(list: &GuardList) -> Vec<pb::Guard> {
    let guard = |raised: &RaisedGuard| pb::Guard {
        scope: Some(convert::guard_scope_to_wire(&raised.scope)),
        revision: raised.guard.revision.get(),
        cause: convert::guard_cause_to_wire(raised.guard.cause).into(),
        suspect: count(raised.suspect),
        leased: count(raised.leased),
        remaining_ms: raised.guard.drops_at.ms_since(list.now),
    };
    list.guards.iter().map(guard).collect()
}

pub(super) const fn change(change: Change) -> pb::RegisterChange {
    match change {
        Change::Created => pb::RegisterChange::Created,
        Change::Updated => pb::RegisterChange::Updated,
        Change::Unchanged => pb::RegisterChange::Unchanged,
        Change::Restarted | Change::TakenOver => pb::RegisterChange::Replaced,
    }
}

pub(super) const fn changed(effect: Effect) -> bool {
    match effect {
        Effect::Changed => true,
        Effect::Unchanged => false,
    }
}

/// A count, in the width that the contract gives it.
pub(super) fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// As many of `instances`, but at least one, as fit into a message of `len_max` bytes, and behind which one the
/// next page begins, if that is before the end.
pub(super) fn page(instances: &[Found], len_max: usize) -> (Vec<pb::Instance>, Option<InstanceId>) {
    let mut room = len_max.saturating_sub(HEADROOM_LEN);
    let mut page = Vec::with_capacity(instances.len());
    for instance in instances {
        let message = pb::Instance::from(instance);
        let len = len_in_list(&message);
        if len > room && !page.is_empty() {
            let last: Option<&Found> = instances.get(page.len() - 1);
            return (page, last.map(|last| last.key().id.clone()));
        }
        room = room.saturating_sub(len);
        page.push(message);
    }
    (page, None)
}

/// All of `instances`, unless they do not fit into a message of `len_max` bytes.
pub(super) fn whole(instances: &[Found], len_max: usize) -> Result<Vec<pb::Instance>, Status> {
    match page(instances, len_max) {
        (all, None) if all.len() == instances.len() => Ok(all),
        _ => {
            let message = format!(
                "the answer would take more than {len_max} bytes: narrow the query, or list the instances page by page"
            );
            Err(Reason::RequestTooLarge.status(message))
        }
    }
}

/// The bytes that a message takes as an entry of a repeated field: a tag of one byte, its length, itself.
fn len_in_list(message: &pb::Instance) -> usize {
    let len = message.encoded_len();
    1 + prost::length_delimiter_len(len) + len
}

#[cfg(test)]
mod tests;
