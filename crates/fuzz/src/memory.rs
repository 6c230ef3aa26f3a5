//! How much a decoder may allocate.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Whatever the length: serde makes room for up to 1 MiB of the elements that a list announces before it has seen the
/// first one, and lists are in lists.
const BYTES_FREE: u64 = 4 << 20;

/// For each byte: an instance in memory, with its allocations, against the shortest one in bytes; and once more for its
/// way back.
const BYTES_PER_BYTE: u64 = 512;

/// Does `work` on input of `len` bytes, and fails the calling test if it held more memory at a time than that warrants.
pub(crate) fn limited<T>(len: usize, work: impl FnOnce() -> T) -> T {
    let mut done = None;
    // A panic must not leave the counting before its end.
    let held = allocation_counter::measure(|| done = Some(catch_unwind(AssertUnwindSafe(work))));
    let result = match done.expect("it is done") {
        Ok(result) => result,
        Err(panic) => resume_unwind(panic),
    };
    let max = BYTES_FREE + BYTES_PER_BYTE * len as u64;
    assert!(
        held.bytes_max <= max,
        "{} bytes were held for {len} bytes of input, over {max}",
        held.bytes_max
    );
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "bytes were held for 10 bytes of input")]
    fn what_believes_a_length_is_caught() {
        limited(10, || drop(std::hint::black_box(Vec::<u8>::with_capacity(1 << 30))));
    }

    #[test]
    fn what_is_freed_again_counts_once() {
        let large = || drop(std::hint::black_box(Vec::<u8>::with_capacity(3 << 20)));
        limited(0, || (0..100).for_each(|_| large()));
    }
}
