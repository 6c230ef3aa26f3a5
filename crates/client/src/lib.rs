//! The Rust SDK: a client of a Quorate cluster
