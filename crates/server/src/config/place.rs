//! Where a node keeps its data.

use std::path::PathBuf;

use super::{ConfigError, layers::Layers, settings::Settings};

/// Where a node keeps its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a directory of its own, which is created if it is not there.
    Directory(PathBuf),
    /// In memory: gone when the process ends.
    Memory,
}

// === impl Place ===

impl Place {
    pub(super) fn parse(settings: &Settings, layers: &Layers) -> Result<Self, ConfigError> {
        match (&settings.data_dir, settings.memory) {
            (Some(path), false) if path.trim().is_empty() => {
                Err(layers.refuse("data_dir", "it is empty; give the path of a directory"))
            }
            (Some(path), false) => Ok(Self::Directory(path.into())),
            (None, true) => Ok(Self::Memory),
            (None, false) => Err(ConfigError::Together(
                "there is no place for data: give --data-dir, or --memory for a node that forgets everything at exit"
                    .to_owned(),
            )),
            (Some(_), true) => Err(ConfigError::Together(format!(
                "{} and {} contradict each other: give one of them",
                layers.describe("data_dir"),
                layers.describe("memory"),
            ))),
        }
    }
}
