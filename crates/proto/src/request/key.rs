//! What makes a write take effect once, and writes that carry it.

use quorate_model::{InvalidValue, LeaseId, RequestKey, Sequence};

use crate::{
    convert::{InvalidField, field::Field as _},
    registry as pb,
    request::{Deregister, Register, SetAvailability, Update},
};

/// A write by itself, with what makes it take effect once, if it is to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyed<W> {
    /// What is to be done.
    pub write: W,
    /// What makes a repetition known; absent if it is not repeated.
    pub key: Option<RequestKey>,
}

// === impl Keyed ===

impl<W> Keyed<W> {
    /// A write that is not repeated.
    pub fn unkeyed(write: W) -> Self {
        Self { write, key: None }
    }
}

/// Converts a keyed write, whose message is that of the write with one more field.
macro_rules! keyed {
    ($($message:ident, $write:ident;)*) => {$(
        impl TryFrom<pb::$message> for Keyed<$write> {
            type Error = InvalidField;

            fn try_from(mut message: pb::$message) -> Result<Self, InvalidField> {
                let key = message.key.take().map(from_wire).transpose()?;
                let write = message.try_into()?;
                Ok(Self { write, key })
            }
        }

        impl From<Keyed<$write>> for pb::$message {
            fn from(Keyed { write, key }: Keyed<$write>) -> Self {
                Self { key: key.map(to_wire), ..write.into() }
            }
        }
    )*};
}

keyed! {
    RegisterRequest, Register;
    UpdateRequest, Update;
    DeregisterRequest, Deregister;
    SetAvailabilityRequest, SetAvailability;
}

pub(super) fn from_wire(message: pb::RequestKey) -> Result<RequestKey, InvalidField> {
    let parse = || {
        let lease = lease_id(message.lease_id)?;
        let sequence: Sequence = message.sequence.try_into().field("sequence")?;
        // Nothing is below the first one: 0 says the same.
        let acked_below = message.acked_below.max(1).try_into().field("acked_below")?;
        RequestKey::new(lease, sequence, acked_below).field("acked_below")
    };
    parse().map_err(|error: InvalidField| error.within("key"))
}

pub(super) fn to_wire(key: RequestKey) -> pb::RequestKey {
    pb::RequestKey {
        lease_id: key.lease().get(),
        sequence: key.sequence().get(),
        acked_below: key.acked_below().get(),
    }
}

/// Refuses a key where there is no place for one.
pub(super) fn refuse(key: Option<&pb::RequestKey>) -> Result<(), InvalidField> {
    match key {
        None => Ok(()),
        Some(_) => Err(InvalidValue::new(
            "request key",
            "an item of a batch has none of its own; give it to the batch",
        ))
        .field("key"),
    }
}

/// The lease that a field of this name always names.
pub(super) fn lease_id(number: u64) -> Result<LeaseId, InvalidField> {
    match number {
        0 => Err(InvalidField::missing("lease_id", "the id of a lease")),
        id => Ok(LeaseId::new(id)),
    }
}
