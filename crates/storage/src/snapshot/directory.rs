//! Snapshots as files in a directory.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::PathBuf,
};

use super::{SnapshotFiles, SnapshotName, UnfinishedFile};
use crate::files;

#[derive(Debug)]
pub(super) struct DirectoryFiles {
    path: PathBuf,
}

struct Unfinished {
    file: File,
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
        Ok(Self { path })
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
        let file = File::create(files::unfinished(&path))?;
        Ok(Box::new(Unfinished {
            file,
            path,
            published: false,
        }))
    }

    fn open(&self, name: SnapshotName) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(File::open(self.file(name))?))
    }

    fn remove(&self, name: SnapshotName) -> io::Result<()> {
        fs::remove_file(self.file(name))
    }

    fn blocks(&self) -> bool {
        true
    }
}

// === impl Unfinished ===

impl UnfinishedFile for Unfinished {
    fn publish(mut self: Box<Self>) -> io::Result<()> {
        self.file.sync_all()?;
        files::publish(&files::unfinished(&self.path), &self.path)?;
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
            drop(fs::remove_file(files::unfinished(&self.path)));
        }
    }
}
