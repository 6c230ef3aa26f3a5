//! A node as a library: configuration, telemetry and lifecycle.
//!
//! [`Config`] is read in layers and checked before anything is touched; [`run`] is the whole life of a server
//! process.

mod config;
mod process;
mod telemetry;

pub use config::{
    Config, ConfigError, ConfigOverrides, Door, Doors, Limits, LogFormat, Logging, Origin, Place, Role, Start, Timing,
};
pub use process::run;
