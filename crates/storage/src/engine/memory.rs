//! The engine of tests and of the deterministic simulation: memory that can lose its power.
//!
//! A [`MemoryDisk`] stands for the disk of one node and outlives it: clone the handle, crash the node, open
//! the disk again. What is visible and what is durable differ until a sync, and
//! [`MemoryDisk::power_loss`] drops the difference.

use std::{
    collections::BTreeMap,
    io,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use quorate_model::{Identity, JoinNonce};

use super::{LogStore, Slot, UnitMeter, take_bytes};
use crate::{data_dir::Format, watermark::WatermarkSlot};

/// The disk of one node, in memory: log, watermark and snapshots.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Disk>>);

/// The raft log of a [`MemoryDisk`], for one run of a node: a power loss ends it.
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    power_losses: u64,
}

/// The watermark of a [`MemoryDisk`], for one run of a node.
#[derive(Debug)]
pub struct MemoryWatermark {
    disk: MemoryDisk,
    power_losses: u64,
}

#[derive(Debug, Default)]
struct Disk {
    durable: Image,
    visible: Image,
    /// Writes since the last sync, in order.
    pending: Vec<Write>,
    unit: UnitMeter,
    power_losses: u64,
    /// Syncs that still succeed before the injected failure.
    failure: Option<(u64, io::ErrorKind)>,
    /// How long a sync takes.
    sync_time: Duration,
    /// Bytes that are said to be free.
    free_bytes: Option<u64>,
    join_nonce: Option<JoinNonce>,
    watermark: Option<Bytes>,
    snapshots: BTreeMap<String, Bytes>,
}

#[derive(Debug, Clone, Default)]
struct Image {
    records: BTreeMap<u64, Bytes>,
    slots: BTreeMap<Slot, Bytes>,
}

#[derive(Debug, Clone)]
enum Write {
    Put(u64, Bytes),
    Remove(Range<u64>),
    Save(Slot, Bytes),
}

// === impl MemoryDisk ===

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// The log engine on this disk. A node has one at a time.
    pub fn store(&self) -> MemoryStore {
        let power_losses = self.lock().power_losses;
        MemoryStore {
            disk: self.clone(),
            power_losses,
        }
    }

    /// The watermark on this disk. A node has one at a time.
    pub fn watermark(&self) -> MemoryWatermark {
        let power_losses = self.lock().power_losses;
        MemoryWatermark {
            disk: self.clone(),
            power_losses,
        }
    }

    /// Whose data it holds, if it holds any.
    pub fn identity(&self) -> Option<Identity> {
        let format = self.durable_slot(Slot::Format)?;
        Format::parse(&format).ok().map(|format| format.identity)
    }

    /// The nonce with which the node asks to join: `drawn`, unless it has asked before.
    pub fn join_nonce(&self, drawn: JoinNonce) -> JoinNonce {
        *self.lock().join_nonce.get_or_insert(drawn)
    }

    /// Bytes that are free, if that was ever said.
    pub fn free_bytes(&self) -> Option<u64> {
        self.lock().free_bytes
    }

    /// Says how many bytes are free. Nothing is refused for it here: what a node does about it is its own decision.
    pub fn set_free_bytes(&self, bytes: u64) {
        self.lock().free_bytes = Some(bytes);
    }

    /// Lets each sync of the log take so long from now on.
    pub fn set_sync_time(&self, time: Duration) {
        self.lock().sync_time = time;
    }

    /// Cuts the power: all that was not synced is gone, and every engine opened before fails from now on.
    pub fn power_loss(&self) {
        self.power_loss_keeping(0);
    }

    /// Cuts the power while the first `writes` of the unsynced writes had already reached the disk.
    pub fn power_loss_keeping(&self, writes: usize) {
        let mut disk = self.lock();
        let kept: Vec<_> = disk.pending.drain(..).take(writes).collect();
        for write in &kept {
            disk.durable.apply(write);
        }
        disk.visible = disk.durable.clone();
        disk.unit.reset();
        disk.power_losses += 1;
    }

    /// A disk of its own that holds what is durable here now: what a disk that forgets would come back with.
    #[must_use]
    pub fn copy(&self) -> Self {
        let disk = self.lock();
        Self(Arc::new(Mutex::new(Disk {
            durable: disk.durable.clone(),
            visible: disk.durable.clone(),
            watermark: disk.watermark.clone(),
            snapshots: disk.snapshots.clone(),
            join_nonce: disk.join_nonce,
            ..Disk::default()
        })))
    }

    /// Writes that a power loss would drop now.
    pub fn unsynced_writes(&self) -> usize {
        self.lock().pending.len()
    }

    /// Lets `syncs` more syncs (of the log or of the watermark) succeed and every later one fail with `kind`.
    pub fn fail_syncs_after(&self, syncs: u64, kind: io::ErrorKind) {
        self.lock().failure = Some((syncs, kind));
    }

    /// Ends the failure of [`MemoryDisk::fail_syncs_after`], as freeing a full disk would.
    pub fn heal(&self) {
        self.lock().failure = None;
    }

    /// Changes a stored record, durably and behind the engine's back. For tests of damage: `None` removes it.
    pub fn damage_record(&self, index: u64, value: Option<&Bytes>) {
        self.damage(&match value {
            Some(value) => Write::Put(index, value.clone()),
            None => Write::Remove(index..index + 1),
        });
    }

    /// Changes a slot, durably and behind the engine's back. For tests of damage.
    pub fn damage_slot(&self, slot: Slot, value: &Bytes) {
        self.damage(&Write::Save(slot, value.clone()));
    }

    fn damage(&self, write: &Write) {
        let mut disk = self.lock();
        disk.durable.apply(write);
        disk.visible.apply(write);
    }

    /// The durable records, in order: what a power loss would leave.
    pub fn durable_records(&self) -> Vec<(u64, Bytes)> {
        let disk = self.lock();
        disk.durable
            .records
            .iter()
            .map(|(index, value)| (*index, value.clone()))
            .collect()
    }

    /// The durable value of a slot: what a power loss would leave.
    pub fn durable_slot(&self, slot: Slot) -> Option<Bytes> {
        self.lock().durable.slots.get(&slot).cloned()
    }

    pub(crate) fn with_snapshots<T>(&self, use_snapshots: impl FnOnce(&mut BTreeMap<String, Bytes>) -> T) -> T {
        use_snapshots(&mut self.lock().snapshots)
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, unless the power was lost since the caller opened it.
    fn powered(&self, power_losses: u64) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.lock();
        if disk.power_losses == power_losses {
            return Ok(disk);
        }
        Err(io::Error::new(
            io::ErrorKind::BrokenPipe,
            "the power of this disk was lost",
        ))
    }
}

// === impl Disk ===

impl Disk {
    fn write(&mut self, write: Write) {
        self.visible.apply(&write);
        self.pending.push(write);
    }

    fn sync(&mut self) -> io::Result<()> {
        self.spend_sync()?;
        for write in std::mem::take(&mut self.pending) {
            self.durable.apply(&write);
        }
        self.unit.reset();
        Ok(())
    }

    fn spend_sync(&mut self) -> io::Result<()> {
        match &mut self.failure {
            None => Ok(()),
            Some((0, kind)) => Err(io::Error::new(*kind, "injected failure")),
            Some((left, _)) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

// === impl Image ===

impl Image {
    fn apply(&mut self, write: &Write) {
        match write {
            Write::Put(index, value) => drop(self.records.insert(*index, value.clone())),
            Write::Remove(range) => self.records.retain(|index, _| !range.contains(index)),
            Write::Save(slot, value) => drop(self.slots.insert(*slot, value.clone())),
        }
    }
}

// === impl MemoryStore ===

impl MemoryStore {
    fn disk(&self) -> io::Result<MutexGuard<'_, Disk>> {
        self.disk.powered(self.power_losses)
    }
}

impl LogStore for MemoryStore {
    fn load(&self, slot: Slot) -> io::Result<Option<Bytes>> {
        Ok(self.disk()?.visible.slots.get(&slot).cloned())
    }

    fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<(u64, Bytes)>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let disk = self.disk()?;
        let records = disk.visible.records.range(range);
        take_bytes(records.map(|(index, value)| Ok((*index, value.clone()))), bytes_max)
    }

    fn append(&self, records: &[(u64, Bytes)]) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.unit.count(records.iter().map(|(_, value)| value.len()))?;
        for (index, value) in records {
            disk.write(Write::Put(*index, value.clone()));
        }
        Ok(())
    }

    fn remove(&self, range: Range<u64>) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.unit.count_removals(&range)?;
        disk.write(Write::Remove(range));
        Ok(())
    }

    fn save(&self, slot: Slot, value: &[u8]) -> io::Result<()> {
        let mut disk = self.disk()?;
        disk.unit.count(std::iter::once(value.len()))?;
        disk.write(Write::Save(slot, Bytes::copy_from_slice(value)));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.disk()?.sync()
    }

    fn read_blocks(&self) -> bool {
        false
    }

    fn sync_time(&self) -> Duration {
        self.disk.lock().sync_time
    }
}

// === impl MemoryWatermark ===

impl WatermarkSlot for MemoryWatermark {
    fn load(&mut self) -> io::Result<Option<Bytes>> {
        Ok(self.disk.powered(self.power_losses)?.watermark.clone())
    }

    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk.powered(self.power_losses)?;
        disk.spend_sync()?;
        disk.watermark = Some(Bytes::copy_from_slice(bytes));
        Ok(())
    }
}
