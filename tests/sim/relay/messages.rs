//! The messages of a gRPC stream, cut out of the pieces in which they come.

use bytes::{Buf as _, Bytes, BytesMut};

/// A byte that says whether the message is compressed, and its length in four.
const PREFIX_LEN: usize = 5;

/// What has come of messages that are not complete.
#[derive(Debug, Default)]
pub(super) struct Messages(BytesMut);

// === impl Messages ===

impl Messages {
    /// The messages that `piece` completes, each with its prefix.
    pub(super) fn add(&mut self, piece: &Bytes) -> Vec<Bytes> {
        self.0.extend_from_slice(piece);
        let mut complete = Vec::new();
        while let Some(len) = self.first_len().filter(|len| self.0.len() >= *len) {
            complete.push(self.0.split_to(len).freeze());
        }
        complete
    }

    fn first_len(&self) -> Option<usize> {
        let mut prefix = self.0.get(1..PREFIX_LEN)?;
        Some(PREFIX_LEN + usize::try_from(prefix.get_u32()).expect("an address has 64 bits"))
    }
}
