//! Snapshots on a disk in memory.

use std::io::{self, Read, Write};

use bytes::{Buf as _, Bytes};

use super::{SnapshotFiles, SnapshotName, UnfinishedFile};
use crate::engine::memory::MemoryDisk;

#[derive(Debug)]
pub(super) struct MemoryFiles {
    disk: MemoryDisk,
}

/// Lost with the power, as a file without a name is.
struct Unfinished {
    disk: MemoryDisk,
    name: SnapshotName,
    content: Vec<u8>,
}

// === impl MemoryFiles ===

impl MemoryFiles {
    pub(super) fn new(disk: MemoryDisk) -> Self {
        Self { disk }
    }
}

impl SnapshotFiles for MemoryFiles {
    fn list(&self) -> io::Result<Vec<SnapshotName>> {
        let names = |files: &mut std::collections::BTreeMap<String, Bytes>| {
            files.keys().filter_map(|name| SnapshotName::parse(name)).collect()
        };
        Ok(self.disk.with_snapshots(names))
    }

    fn create(&self, name: SnapshotName) -> io::Result<Box<dyn UnfinishedFile>> {
        let (disk, content) = (self.disk.clone(), Vec::new());
        Ok(Box::new(Unfinished { disk, name, content }))
    }

    fn open(&self, name: SnapshotName) -> io::Result<Box<dyn Read + Send>> {
        let content = self.disk.with_snapshots(|files| files.get(&name.file_name()).cloned());
        let content = content.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(content.reader()))
    }

    fn remove(&self, name: SnapshotName) -> io::Result<()> {
        self.disk.with_snapshots(|files| files.remove(&name.file_name()));
        Ok(())
    }

    fn blocks(&self) -> bool {
        false
    }
}

// === impl Unfinished ===

impl UnfinishedFile for Unfinished {
    fn publish(self: Box<Self>) -> io::Result<()> {
        let Self { disk, name, content } = *self;
        disk.with_snapshots(|files| files.insert(name.file_name(), content.into()));
        Ok(())
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.content.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
