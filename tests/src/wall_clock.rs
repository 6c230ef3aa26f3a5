//! A wall clock that says what a test wants. The clock by which time passes goes on as it does.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::Surroundings;

/// The library that answers in the kernel's place, below a directory that is named after the machine.
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The wall clock of the processes that are started in its surroundings.
#[derive(Debug)]
pub struct WallClock {
    file: PathBuf,
    library: PathBuf,
}

// === impl WallClock ===

impl WallClock {
    /// A clock that says what is right, with a file in `directory`, or why there can be none: it takes faketime.
    pub fn new(directory: &Path, name: &str) -> Result<Self, String> {
        let directories = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
        let mut candidates = directories.map(|directory| directory.path().join(LIBRARY));
        let library = candidates.find(|path| path.exists());
        let clock = Self {
            file: directory.join(format!("{name}.clock")),
            library: library.ok_or_else(|| format!("there is no {LIBRARY}"))?,
        };
        clock.set("+0");
        Ok(clock)
    }

    /// What a process is started in that sees it.
    pub fn surroundings(&self) -> Surroundings {
        let environment = [
            ("LD_PRELOAD", self.library.as_os_str()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.as_os_str()),
            ("FAKETIME_NO_CACHE", "1".as_ref()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".as_ref()),
            ("DONT_FAKE_MONOTONIC", "1".as_ref()),
            ("NO_FAKE_STAT", "1".as_ref()),
        ];
        Surroundings {
            environment: environment
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
            ..Surroundings::default()
        }
    }

    /// From now on it is so far off, such as `+1y` or `-3600`.
    pub fn set(&self, offset: &str) {
        // In one step: it is read at any time.
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{offset}\n")).expect("the directory can be written");
        fs::rename(&next, &self.file).expect("the directory can be written");
    }
}
