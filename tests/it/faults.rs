//! Faults of real processes, sockets and disks under load: what was acknowledged stays, and all members agree.
//!
//! A [`storm`] strikes a cluster with each kind of fault in an order that its seed decides. Each fault has to be
//! seen to have happened, writes have to be acknowledged before and after it, and then every member has to have
//! all that was acknowledged. [`coverage`] says how often each kind has to have happened. The [`long_run`] does the
//! same for hours, and measures how soon writes are back.

mod coverage;
mod field;
mod kind;
mod long_run;
mod round;
mod storm;
mod strike;
mod witnesses;
