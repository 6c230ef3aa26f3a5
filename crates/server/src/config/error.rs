//! What is wrong with a configuration, and who said it.

use std::{fmt, io, path::PathBuf};

/// Why there is no configuration to start from. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{}:{line}: not valid TOML: {problem}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where in it, counted from 1.
        line: usize,
        /// What the parser said.
        problem: String,
    },
    /// The configuration file has a key that does not exist.
    #[error("unknown key {key:?} in {origin}; known keys are {known}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Who wrote it.
        origin: Origin,
        /// The keys that exist, separated by commas.
        known: String,
    },
    /// A value is not one that its key takes.
    #[error("{key} in {origin}: {problem}")]
    Value {
        /// The key.
        key: String,
        /// Who wrote the value.
        origin: Origin,
        /// The value, and what is allowed.
        problem: String,
    },
    /// Values contradict each other, or one is missing.
    #[error("{0}")]
    Together(String),
}

/// The layer that a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line; the flag.
    Flag(String),
    /// The environment; the name of the variable.
    Environment(String),
    /// The configuration file.
    File(PathBuf),
    /// Nobody wrote it: it is the default.
    Default,
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Default => f.write_str("the defaults"),
        }
    }
}
