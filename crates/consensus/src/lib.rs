//! The raft node: type configuration, state-machine adapter, peer network, handle
