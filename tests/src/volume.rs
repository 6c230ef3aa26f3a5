//! A small file system of one's own, to be filled.

use std::{
    fs::{self, File},
    io::{ErrorKind, Write as _},
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// Written at a time.
const BLOCK_BYTES: usize = 64 << 10;

/// A file system in memory, mounted for one test. Unmounted when dropped.
#[derive(Debug)]
pub struct Volume {
    // Dropped after the unmounting.
    place: TempDir,
}

// === impl Volume ===

impl Volume {
    /// Mounts a file system of `mib` MiB, or says why that is not possible: it takes root.
    pub fn mount(mib: u64) -> Result<Self, String> {
        let place = TempDir::with_prefix("quorate-volume-").map_err(|error| error.to_string())?;
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "quorate-test"])
            .arg(place.path())
            .output()
            .map_err(|error| format!("mount cannot be run: {error}"))?;
        if !mounted.status.success() {
            return Err(String::from_utf8_lossy(&mounted.stderr).trim().to_owned());
        }
        Ok(Self { place })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Takes space away until `bytes` are left, or none if that is 0.
    pub fn fill(&self, name: &str, bytes_left: u64) {
        let mut file = File::create(self.filler(name)).expect("a file can be made");
        let block = vec![7; BLOCK_BYTES];
        while self.free_bytes() > bytes_left {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Gives the space back that was taken away under this name.
    pub fn free(&self, name: &str) {
        fs::remove_file(self.filler(name)).expect("it was taken away");
    }

    /// How much is free.
    pub fn free_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.path()).expect("it is mounted");
        stat.f_bavail * stat.f_frsize
    }

    fn filler(&self, name: &str) -> PathBuf {
        self.path().join(format!("filler-{name}"))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Whatever still holds a file of it: it is gone from the tree now, and wholly with the last of those.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}
