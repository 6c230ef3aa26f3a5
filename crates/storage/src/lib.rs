//! The durable raft log, vote and snapshots
