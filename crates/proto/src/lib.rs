//! The wire contract: generated code, conversions and the error table.
//!
//! The generated modules mirror the packages under `proto/`. They are committed, so that building needs no
//! code generator; a test regenerates them and fails on a difference.

mod generated;

pub mod convert;
pub mod request;
pub mod status;

pub use generated::{cluster::v1 as cluster, peer::v1 as peer, registry::v1 as registry};

/// The descriptors of all packages, for the reflection service.
pub const DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.bin");
