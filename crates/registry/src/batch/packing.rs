//! How the writes of a batch are packed into log entries.

use std::collections::HashSet;

use quorate_model::{InstanceKey, RequestKey, envelope::EncodeError, limits};
use quorate_state::{Command, Mutation};

/// The items of one log entry, each with its place in the request.
pub(crate) type Entry = Vec<(u32, Mutation)>;

/// How much goes into one log entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packing {
    /// Bytes of all items together, as [`Mutation::encoded_len`] counts them.
    items_len_max: usize,
    /// Items.
    items_max: usize,
}

/// The writes of a batch, packed.
#[derive(Debug, Default)]
pub(crate) struct Packed {
    /// Waves of entries. Within a wave no two items are about the same instance, so that its entries may come into
    /// the log in any order; one wave comes after the other, so that items about one instance keep theirs.
    pub(crate) waves: Vec<Vec<Entry>>,
    /// The places of items that fit no entry, and their lengths in bytes.
    pub(crate) too_large: Vec<(u32, usize)>,
}

/// A wave that is being filled.
#[derive(Default)]
struct Wave {
    entries: Vec<Entry>,
    instances: HashSet<InstanceKey>,
    /// What is in the last entry, in bytes.
    len: usize,
}

// === impl Packing ===

impl Packing {
    /// What fits a command of `command_len_max` bytes with this key.
    pub(crate) fn new(key: Option<RequestKey>, command_len_max: usize) -> Result<Self, EncodeError> {
        // A count of more than a few items takes two bytes more.
        let frame_len = Command::Batch { key, items: Vec::new() }.encode()?.len() + 2;
        Ok(Self {
            items_len_max: command_len_max.saturating_sub(frame_len),
            items_max: limits::BATCH_ITEMS_MAX,
        })
    }

    /// Packs items greedily, in their order.
    pub(crate) fn pack(self, items: impl IntoIterator<Item = (u32, Mutation)>) -> Packed {
        let mut packed = Packed::default();
        let mut wave = Wave::default();
        for (place, mutation) in items {
            let len = mutation.encoded_len();
            if len > self.items_len_max {
                packed.too_large.push((place, len));
                continue;
            }
            if wave.instances.contains(mutation.key()) {
                packed.waves.push(std::mem::take(&mut wave).entries);
            }
            wave.push(self, place, mutation, len);
        }
        if !wave.entries.is_empty() {
            packed.waves.push(wave.entries);
        }
        packed
    }
}

// === impl Packed ===

impl Packed {
    /// How many entries are on their way at a time, at most.
    pub(crate) fn widest(&self) -> usize {
        self.waves.iter().map(Vec::len).max().unwrap_or(0)
    }
}

// === impl Wave ===

impl Wave {
    fn push(&mut self, packing: Packing, place: u32, mutation: Mutation, len: usize) {
        self.instances.insert(mutation.key().clone());
        match self.entries.last_mut() {
            Some(entry) if self.len + len <= packing.items_len_max && entry.len() < packing.items_max => {
                self.len += len;
                entry.push((place, mutation));
            }
            Some(_) | None => {
                self.len = len;
                self.entries.push(vec![(place, mutation)]);
            }
        }
    }
}
