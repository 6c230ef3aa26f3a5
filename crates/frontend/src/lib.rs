//! The front ends: each speaks one protocol, and decides nothing.
//!
//! A front end decodes a request into values of the model, asks the [`quorate_registry::Registry`], and encodes the
//! answer. What all requests of a protocol have in common (limits, deadline, the reason of a failure, the trace)
//! stands once, at its edge, and in no handler.

pub mod grpc;
pub mod metrics;
