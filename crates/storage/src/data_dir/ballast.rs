//! Space that is kept for the day on which there is none.
//!
//! A disk that is full to the last byte cannot be left again: removing an instance takes a log entry, purging the
//! log takes records, and the engine does not even open. The ballast is a file of nothing that is given up then.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::PathBuf,
};

use crate::files;

/// Written at a time where space cannot be allocated without writing it.
const BLOCK_BYTES: usize = 1 << 20;

/// The ballast of a data directory. Blocks.
#[derive(Debug)]
pub struct Ballast {
    path: PathBuf,
    len: u64,
}

// === impl Ballast ===

impl Ballast {
    /// A ballast of `len` bytes in the file at `path`, which need not be there; 0 means that there shall be none.
    pub(super) fn new(path: PathBuf, len: u64) -> Self {
        Self { path, len }
    }

    /// How many bytes there shall be.
    pub fn wanted(&self) -> u64 {
        self.len
    }

    /// How many bytes there are: at most as many as are wanted.
    pub fn held(&self) -> io::Result<u64> {
        match fs::metadata(&self.path) {
            Ok(file) => Ok(file.len().min(self.len)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error),
        }
    }

    /// Takes the space, unless it is held. Leaves nothing if there is not enough.
    pub fn take(&self) -> io::Result<()> {
        let found = fs::metadata(&self.path).map_or(0, |file| file.len());
        if found == self.len {
            return Ok(());
        }
        // One that is of another length is from another configuration.
        self.release()?;
        let taken = self.allocate();
        if taken.is_err() {
            // The first error is the one that counts.
            drop(fs::remove_file(files::unfinished(&self.path)));
        }
        taken
    }

    /// Gives the space back, if it is held.
    pub fn release(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Ok(()) => files::sync_dir(self.path.parent().unwrap_or(&self.path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn allocate(&self) -> io::Result<()> {
        if self.len == 0 {
            return Ok(());
        }
        let unfinished = files::unfinished(&self.path);
        let file = File::create(&unfinished)?;
        allocate(&file, self.len)?;
        file.sync_all()?;
        files::publish(&unfinished, &self.path)
    }
}

/// Takes space for a file without writing it, if the file system can do that.
fn allocate(file: &File, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, len) {
        Err(rustix::io::Errno::OPNOTSUPP) => {}
        result => return Ok(result?),
    }
    write(file, len)
}

fn write(mut file: &File, len: u64) -> io::Result<()> {
    let block = vec![0; BLOCK_BYTES];
    let mut left = len;
    while left > 0 {
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        file.write_all(&block[..now])?;
        left -= now as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    fn ballast(dir: &tempfile::TempDir, len: u64) -> Ballast {
        Ballast::new(dir.path().join("ballast"), len)
    }

    #[test]
    fn a_ballast_takes_real_space_and_gives_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = ballast(&dir, 3 << 20);
        assert_eq!(ballast.held().unwrap(), 0);
        ballast.take().unwrap();
        ballast.take().unwrap();
        assert_eq!(ballast.held().unwrap(), 3 << 20);
        let blocks = fs::metadata(dir.path().join("ballast")).unwrap().blocks();
        assert!(blocks * 512 >= 3 << 20, "it is a hole of {blocks} blocks");
        ballast.release().unwrap();
        ballast.release().unwrap();
        assert_eq!(ballast.held().unwrap(), 0);
    }

    #[test]
    fn a_ballast_follows_its_configuration() {
        let dir = tempfile::tempdir().unwrap();
        ballast(&dir, 1 << 20).take().unwrap();
        ballast(&dir, 2 << 20).take().unwrap();
        assert_eq!(ballast(&dir, u64::MAX).held().unwrap(), 2 << 20);
        ballast(&dir, 0).take().unwrap();
        assert!(!dir.path().join("ballast").exists());
    }

    #[test]
    fn a_ballast_that_does_not_fit_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        ballast(&dir, 1 << 60).take().unwrap_err();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn space_can_also_be_written() {
        let file = tempfile::tempfile().unwrap();
        write(&file, (1 << 20) + 5).unwrap();
        assert_eq!(file.metadata().unwrap().len(), (1 << 20) + 5);
    }
}
