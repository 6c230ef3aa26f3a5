//! A data directory that is made beside the place where it is to be, and gets its name when it is whole.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use quorate_model::Identity;

use super::{DataDir, DataDirError};
use crate::{Clock, OnFatal, Storage, files};

/// How a directory that is still being made is called: its name, and this.
const DRAFT: &str = ".restoring";

/// A data directory that is being made. Dropped before it is published, it is removed.
#[derive(Debug)]
pub struct DataDirDraft {
    target: PathBuf,
    draft: PathBuf,
    dir: DataDir,
    published: bool,
}

// === impl DataDirDraft ===

impl DataDirDraft {
    /// Begins a directory that is to be at `target`, where nothing may be but an empty directory.
    pub fn begin(target: &Path) -> Result<Self, DataDirError> {
        refuse_occupied(target)?;
        let draft = beside(target)?;
        if draft.exists() {
            let left = "it is left from a restore that was interrupted, or one is under way: remove it if not";
            return Err(DataDirError::occupied(&draft, left));
        }
        let dir = DataDir::lock(&draft)?;
        Ok(Self {
            target: target.into(),
            draft,
            dir,
            published: false,
        })
    }

    /// Creates the log and the snapshots of `identity` in it.
    pub fn create(
        &mut self,
        identity: Identity,
        clock: &Arc<dyn Clock>,
        on_fatal: &OnFatal,
    ) -> Result<Storage, DataDirError> {
        self.dir.open(identity, clock, on_fatal)
    }

    /// Gives the directory its name. All that was opened in it has to be closed.
    pub fn publish(mut self) -> Result<(), DataDirError> {
        let failed = |error| DataDirError::unwritable(&self.target, error);
        files::sync_dir(&self.draft).map_err(failed)?;
        // An empty directory gives way to another one.
        fs::rename(&self.draft, &self.target).map_err(|error| self.unnamed(error))?;
        self.published = true;
        let parent = self.target.parent().filter(|parent| !parent.as_os_str().is_empty());
        files::sync_dir(parent.unwrap_or(Path::new("."))).map_err(failed)
    }

    fn unnamed(&self, error: io::Error) -> DataDirError {
        let kind = error.kind();
        if matches!(kind, io::ErrorKind::ResourceBusy | io::ErrorKind::CrossesDevices) {
            let mounted =
                "it is a mount point, which cannot be replaced: name a directory in it, and give the node that one";
            return DataDirError::occupied(&self.target, mounted);
        }
        if kind == io::ErrorKind::DirectoryNotEmpty {
            return DataDirError::occupied(&self.target, "somebody has put data there");
        }
        DataDirError::unwritable(&self.target, error)
    }
}

impl Drop for DataDirDraft {
    fn drop(&mut self) {
        if !self.published {
            // What cannot be removed is told of by the next draft.
            drop(fs::remove_dir_all(&self.draft));
        }
    }
}

fn refuse_occupied(target: &Path) -> Result<(), DataDirError> {
    match fs::read_dir(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Err(DataDirError::occupied(target, "it is a file"))
        }
        Err(error) => Err(DataDirError::unreadable(target, error)),
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(DataDirError::occupied(
                target,
                "it has data, which is never overwritten: name a new directory",
            )),
        },
    }
}

/// The draft lies on the same file system, so that it can get its name in one step.
fn beside(target: &Path) -> Result<PathBuf, DataDirError> {
    let Some(name) = target.file_name() else {
        return Err(DataDirError::occupied(
            target,
            "it has no name of its own: name a new directory",
        ));
    };
    let mut name = OsString::from(name);
    name.push(DRAFT);
    Ok(target.with_file_name(name))
}
