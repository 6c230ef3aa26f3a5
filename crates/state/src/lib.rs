//! The replicated state machine: Command in, Outcome and Events out
