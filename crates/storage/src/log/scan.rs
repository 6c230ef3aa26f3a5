//! Creating a log, and opening one that is there: every record is read and checked once.

use std::sync::Arc;

use bytes::Bytes;
use quorate_model::envelope::DecodeError;

use super::{
    LogParts,
    queue::Queue,
    sizes::Sizes,
    state::{Phase, Progress, Shared, State},
    tail::Tail,
};
use crate::{
    engine::{LogStore, Slot},
    error::{Damage, LogOpenError},
    mark::{Mark, open_vote},
    record::{GENESIS, Record},
    watermark::LogEnd,
    writer::{Writer, WriterParts},
};

/// How much is read at once.
const SCAN_BYTES: usize = 4 << 20;

/// What a scan found.
#[derive(Debug)]
struct Scan {
    first: u64,
    end: LogEnd,
    sizes: Sizes,
}

pub(super) fn create(mut parts: LogParts) -> Result<(Arc<Shared>, Writer), LogOpenError> {
    let end = LogEnd {
        next: 0,
        checksum: GENESIS,
    };
    parts.watermark.store(&end.seal())?;
    parts.engine.save(Slot::Format, &parts.format.seal())?;
    parts.engine.sync()?;
    let scan = Scan {
        first: 0,
        end,
        sizes: Sizes::default(),
    };
    Ok(build(parts, scan, Slots::default(), end, 0))
}

pub(super) fn open(mut parts: LogParts) -> Result<(Arc<Shared>, Writer), LogOpenError> {
    let format = parts.engine.load(Slot::Format)?;
    if format.as_deref() != Some(parts.format.seal().as_slice()) {
        return Err(Damage::Identity.into());
    }
    let slots = Slots::load(parts.engine.as_ref())?;
    let stored_watermark = parts.watermark.load()?;
    let watermark = load_watermark(stored_watermark.as_deref())?;
    let (scan, remembered) = scan(parts.engine.as_ref(), slots.purged.as_ref(), watermark)?;
    if !remembered {
        return Err(Damage::Forgotten {
            watermark: watermark.next.saturating_sub(1),
        }
        .into());
    }
    let stored_from = match &slots.purged {
        // What an interrupted purge left is removed by the writer.
        Some(mark) => first_leftover(parts.engine.as_ref(), mark)?,
        None => scan.first,
    };
    Ok(build(parts, scan, slots, watermark, stored_from))
}

/// The slots that raft uses.
#[derive(Debug, Default)]
struct Slots {
    vote: Option<Bytes>,
    committed: Option<Mark>,
    purged: Option<Mark>,
}

// === impl Slots ===

impl Slots {
    fn load(engine: &dyn LogStore) -> Result<Self, LogOpenError> {
        Ok(Self {
            vote: load_slot(engine, Slot::Vote, "vote", open_vote)?,
            committed: load_slot(engine, Slot::Committed, "committed position", Mark::open)?,
            purged: load_slot(engine, Slot::Purged, "purged position", Mark::open)?,
        })
    }
}

fn load_slot<T>(
    engine: &dyn LogStore,
    slot: Slot,
    name: &'static str,
    open: impl FnOnce(&[u8]) -> Result<T, DecodeError>,
) -> Result<Option<T>, LogOpenError> {
    let Some(bytes) = engine.load(slot)? else {
        return Ok(None);
    };
    let value = open(&bytes).map_err(|error| Damage::Slot {
        slot: name,
        problem: error.to_string(),
    })?;
    Ok(Some(value))
}

fn load_watermark(bytes: Option<&[u8]>) -> Result<LogEnd, Damage> {
    let damaged = |problem: String| Damage::Slot {
        slot: "watermark",
        problem,
    };
    let bytes = bytes.ok_or_else(|| damaged("it is missing".to_owned()))?;
    LogEnd::open(bytes).map_err(|error| damaged(error.to_string()))
}

fn first_leftover(engine: &dyn LogStore, purged: &Mark) -> Result<u64, LogOpenError> {
    let leftover = engine.read(0..purged.index + 1, 1)?;
    Ok(leftover.first().map_or(purged.index + 1, |(index, _)| *index))
}

/// Reads the whole log. Says also whether the log still holds what the watermark remembers.
fn scan(engine: &dyn LogStore, purged: Option<&Mark>, watermark: LogEnd) -> Result<(Scan, bool), LogOpenError> {
    let mut end = LogEnd {
        next: purged.map_or(0, |mark| mark.index + 1),
        checksum: purged.map_or(GENESIS, |mark| mark.checksum),
    };
    // At or below the purged position there is nothing left to compare with.
    let mut remembered = watermark.next <= end.next;
    let mut first = purged.map(|mark| mark.index + 1);
    let mut sizes = Sizes::default();
    loop {
        let records = engine.read(end.next..u64::MAX, SCAN_BYTES)?;
        if records.is_empty() {
            return Ok((
                Scan {
                    first: first.unwrap_or(0),
                    end,
                    sizes,
                },
                remembered,
            ));
        }
        for (index, framed) in records {
            if index != end.next && first.is_some() {
                return Err(Damage::Gap {
                    expected: end.next,
                    found: index,
                }
                .into());
            }
            // A log that was never purged starts where its first record, chained to nothing, says.
            first.get_or_insert(index);
            sizes.push(index, framed.len());
            let record = Record::check(index, framed).map_err(|error| Damage::Record { index, error })?;
            if record.previous() != end.checksum {
                return Err(Damage::Chain { index }.into());
            }
            end = LogEnd {
                next: index + 1,
                checksum: record.checksum(),
            };
            remembered |= end == watermark;
        }
    }
}

fn build(parts: LogParts, scan: Scan, slots: Slots, watermark: LogEnd, stored_from: u64) -> (Arc<Shared>, Writer) {
    let LogEnd { next, checksum } = scan.end;
    let leftover = stored_from..slots.purged.as_ref().map_or(stored_from, |mark| mark.index + 1);
    let state = State {
        purged: slots.purged,
        first: scan.first,
        next,
        checksum,
        tail: Tail::starting_at(next),
        sizes: scan.sizes,
        generation: 0,
        vote: slots.vote,
        committed: slots.committed,
        committed_dirty: false,
        queue: Queue::default(),
        durable_next: next,
        truncations_queued: 0,
        phase: Phase::Open,
        progress: Progress::default(),
    };
    let shared = Arc::new(Shared::new(parts.engine, parts.on_fatal, state));
    let writer = Writer::new(WriterParts {
        shared: Arc::clone(&shared),
        slot: parts.watermark,
        clock: parts.clock,
        durable: scan.end,
        watermark,
        leftover,
    });
    (shared, writer)
}
