//! The harness: what the tests of the whole system stand on.
//!
//! [`Cluster`] runs real `quorate` processes, each [`Member`] in a directory of its own; [`run`] runs a command
//! to its end; [`Load`] writes all the time and [`History::check`] tells whether an acknowledged write was
//! lost. [`eventually`] is the only way to wait: for a condition, with a deadline, saying what was seen last.
//! A [`workload`] does all sorts of things at random and takes down what it is told, and the [`checker`] judges whether
//! that [`record`] can be true. Nothing outlives the test: all processes are killed and all directories removed, also when a test panics,
//! and a failing test shows the last lines of every member's log.
//!
//! A test whose environment lacks something it needs calls [`skip`] and returns: skipped tests are counted
//! and shown at the end of a run, so that a green run never hides what it did not check.
//!
//! Everything here panics when what it waits for or takes for granted does not come about: that fails the test.

#![expect(clippy::missing_panics_doc, reason = "said above, once for all")]

mod binary;
pub mod checker;
mod cluster;
mod command;
mod eventually;
mod evidence;
mod history;
mod holders;
mod load;
mod loopback;
mod member;
mod network;
mod power;
mod process;
mod proxy;
mod random;
pub mod record;
mod report;
mod tools;
mod tracer;
mod values;
mod volume;
mod wall_clock;
mod workers;
pub mod workload;

pub use cluster::{Cluster, SETTLED_WITHIN};
pub use command::{Finished, run, run_example, run_with};
pub use eventually::{ensure, eventually};
pub use evidence::Evidence;
pub use history::{Action, Found, History, Operation, Outcome};
pub use holders::{Held, Holders, Seen};
pub use load::Load;
pub use loopback::Loopback;
pub use member::{Doors, Member, READY_WITHIN};
pub use network::Network;
pub use power::PowerDisk;
pub use process::{Process, Surroundings};
pub use proxy::{Cut, Direction, Effects, Flow, Proxy};
pub use random::seed;
pub use report::{figure, skip};
pub use tools::missing;
pub use tracer::{Injection, Tracer};
pub use values::{id, key, parts, registration, service};
pub use volume::Volume;
pub use wall_clock::WallClock;
pub use workers::{Report, Workers};
