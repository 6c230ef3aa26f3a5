//! A node as a library: configuration, telemetry and lifecycle
