//! Snapshots as files in a directory.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use super::{SnapshotFiles, SnapshotName, UnfinishedFile};
use crate::files;

#[derive(Debug)]
pub(super) struct DirectoryFiles {
    path: PathBuf,
    /// How many files were begun.
    attempts: AtomicU64,
}

struct Unfinished {
    file: File,
    /// What it is called while it is being written.
    draft: PathBuf,
    /// What it is called once it is published.
    path: PathBuf,
    published: bool,
}

// === impl DirectoryFiles ===

impl DirectoryFiles {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        files::remove_unfinished(&path)?;
        files::sync_dir(&path)?;
        if let Some(parent) = path.parent() {
            files::sync_dir(parent)?;
        }
        Ok(Self {
            path,
            attempts: AtomicU64::new(0),
        })
    }

    fn file(&self, name: SnapshotName) -> PathBuf {
        self.path.join(name.file_name())
    }
}

impl SnapshotFiles for DirectoryFiles {
    fn list(&self) -> io::Result<Vec<SnapshotName>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(SnapshotName::parse(&entry?.file_name().to_string_lossy()));
        }
        Ok(names)
    }

    fn create(&self, name: SnapshotName) -> io::Result<Box<dyn UnfinishedFile>> {
        let path = self.file(name);
        // A snapshot may be begun anew while an earlier try at it still ends: each has a file of its own.
        let attempt = self.attempts.fetch_add(1, Ordering::Relaxed);
        let draft = files::unfinished(&path.with_extension(format!("{attempt}.snap")));
        let file = File::create_new(&draft)?;
        Ok(Box::new(Unfinished {
            file,
            draft,
            path,
            published: false,
        }))
    }

    fn open(&self, name: SnapshotName) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.file(name))?))
    }

    fn remove(&self, name: SnapshotName) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            // Two snapshots that are finished at the same time may both find the same one too old.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    fn blocks(&self) -> bool {
        true
    }
}

// === impl Unfinished ===

impl UnfinishedFile for Unfinished {
    fn publish(mut self: Box<Self>) -> io::Result<()> {
        self.file.sync_all()?;
        files::publish(&self.draft, &self.path)?;
        self.published = true;
        Ok(())
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed now is removed when the directory is opened next.
            drop(fs::remove_file(&self.draft));
        }
    }
}
