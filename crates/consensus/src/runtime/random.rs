//! Where raft draws its random numbers.

use std::convert::Infallible;

use rand::{
    TryRng,
    rngs::{SmallRng, ThreadRng},
};

/// Random numbers: those of the thread, or in a simulation those that follow from its seed.
#[derive(Debug)]
pub enum NodeRandom {
    /// Nobody can tell them beforehand.
    Thread(ThreadRng),
    /// The same for each run with the same seed.
    Seeded(SmallRng),
}

// === impl NodeRandom ===

impl TryRng for NodeRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        match self {
            Self::Thread(random) => random.try_next_u32(),
            Self::Seeded(random) => random.try_next_u32(),
        }
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        match self {
            Self::Thread(random) => random.try_next_u64(),
            Self::Seeded(random) => random.try_next_u64(),
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        match self {
            Self::Thread(random) => random.try_fill_bytes(bytes),
            Self::Seeded(random) => random.try_fill_bytes(bytes),
        }
    }
}
