//! Several writes in one request.

use quorate_model::{InvalidValue, RequestKey};

use crate::{
    convert::{InvalidField, field::Field as _},
    registry::{self as pb, write_batch_request::Item, write_batch_request::item},
    request::{Deregister, Register, SetAvailability, Update, key},
};

/// Most items of one batch: a fiftieth of a busy member's writes per second at a time.
pub const BATCH_ITEMS_MAX: usize = 1_000;

/// A write of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// See `Registry.Register`.
    Register(Box<Register>),
    /// See `Registry.Update`.
    Update(Box<Update>),
    /// See `Registry.Deregister`.
    Deregister(Deregister),
    /// See `Registry.SetAvailability`.
    SetAvailability(SetAvailability),
}

/// See `Registry.WriteBatch`. Whoever sends one states writes; whoever receives one may find that an item is none,
/// which concerns that item alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteBatch<W = Write> {
    /// 1 to [`BATCH_ITEMS_MAX`] items.
    pub items: Vec<W>,
    /// What makes each item take effect once, if they are to.
    pub key: Option<RequestKey>,
}

// === impl WriteBatch ===

impl TryFrom<pb::WriteBatchRequest> for WriteBatch<Result<Write, InvalidField>> {
    type Error = InvalidField;

    fn try_from(message: pb::WriteBatchRequest) -> Result<Self, InvalidField> {
        let count = message.items.len();
        if !(1..=BATCH_ITEMS_MAX).contains(&count) {
            let problem = format!("{count} items are not 1–{BATCH_ITEMS_MAX}");
            return Err(InvalidValue::new("batch", problem)).field("items");
        }
        Ok(Self {
            key: message.key.map(key::from_wire).transpose()?,
            items: message.items.into_iter().map(Write::try_from).collect(),
        })
    }
}

impl From<WriteBatch> for pb::WriteBatchRequest {
    fn from(request: WriteBatch) -> Self {
        Self {
            items: request.items.into_iter().map(Item::from).collect(),
            key: request.key.map(key::to_wire),
        }
    }
}

// === impl Write ===

impl TryFrom<Item> for Write {
    type Error = InvalidField;

    fn try_from(message: Item) -> Result<Self, InvalidField> {
        match message.write {
            Some(item::Write::Register(message)) => Ok(Self::Register(Box::new(message.try_into()?))),
            Some(item::Write::Update(message)) => Ok(Self::Update(Box::new(message.try_into()?))),
            Some(item::Write::Deregister(message)) => Ok(Self::Deregister(message.try_into()?)),
            Some(item::Write::SetAvailability(message)) => Ok(Self::SetAvailability(message.try_into()?)),
            // A kind of a newer contract arrives as none at all.
            None => Err(InvalidField::missing("write", "one that this version knows")),
        }
    }
}

impl From<Write> for Item {
    fn from(write: Write) -> Self {
        let write = match write {
            Write::Register(request) => item::Write::Register((*request).into()),
            Write::Update(request) => item::Write::Update((*request).into()),
            Write::Deregister(request) => item::Write::Deregister(request.into()),
            Write::SetAvailability(request) => item::Write::SetAvailability(request.into()),
        };
        Self { write: Some(write) }
    }
}
