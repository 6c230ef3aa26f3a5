//! A whole cluster on this machine, to develop against: real server processes, so that one can be killed to
//! watch what happens.
//!
//! # Invariants
//! * No member outlives the supervisor: it stops them in the end, and if it cannot, the kernel kills them.
//! * Stdout gets exactly one line, `ready`; everything else is on stderr.

mod member;
mod plan;
mod readiness;

use std::{io, process::ExitCode, time::Duration};

use tokio::time::Instant;

use crate::{
    args::DevArgs,
    failure::Failure,
    output::{self, say},
    signals::Signals,
};
use member::Member;
use plan::Plan;
use readiness::Readiness;

/// How long the cluster may take to come about: a first start takes a second or two, and recovery after a crash
/// some more.
const START_MAX: Duration = Duration::from_secs(60);

/// How long members may take to stop before they are killed: a node that hands leadership over and lets requests
/// end takes 15 seconds at most.
const STOP_MAX: Duration = Duration::from_secs(20);

/// How often it is looked what has become of the members.
const POLL: Duration = Duration::from_millis(50);

/// Runs the cluster until it is told to stop.
pub(crate) fn run(args: &DevArgs) -> Result<ExitCode, Failure> {
    let plan = Plan::make(args)?;
    // One thread, this one: members are tied to the life of the thread that starts them.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(refused)?;
    runtime.block_on(supervise(&plan))?;
    Ok(ExitCode::SUCCESS)
}

/// The operating system did not do what the supervisor needs.
#[expect(clippy::needless_pass_by_value, reason = "the end of a chain")]
fn refused(error: io::Error) -> Failure {
    Failure::Failed(format!("the operating system does not let the cluster start: {error}"))
}

async fn supervise(plan: &Plan) -> Result<(), Failure> {
    let mut signals = Signals::install().map_err(refused)?;
    let mut cluster = Cluster {
        plan,
        members: Vec::new(),
    };
    let result = tokio::select! {
        result = cluster.live() => result,
        () = signals.next() => Ok(()),
    };
    tokio::select! {
        () = cluster.stop() => {}
        // Whoever asks twice does not want to wait.
        () = signals.next() => {}
    }
    cluster.kill().await;
    result
}

/// The members that have been started.
struct Cluster<'a> {
    plan: &'a Plan,
    members: Vec<Member>,
}

// === impl Cluster ===

impl Cluster<'_> {
    /// Starts the members and watches them, as long as there is one.
    async fn live(&mut self) -> Result<(), Failure> {
        let until = Instant::now() + START_MAX;
        for number in 1..=self.plan.nodes() {
            self.start(number, until).await?;
        }
        let readiness = Readiness::of_all(self.plan)?;
        self.wait_until(until, async || readiness.is_ready().await).await?;
        output::write(&mut io::stdout(), b"ready\n")?;
        self.give_hints();
        self.watch().await
    }

    /// Starts a member. One without data is given its id before the next one starts, so that ids follow numbers.
    async fn start(&mut self, number: u8, until: Instant) -> Result<(), Failure> {
        let is_fresh = self.plan.is_fresh(number);
        let member = Member::start(self.plan, number)?;
        say(format_args!(
            "member {number}: pid {}, clients {}, peers {}",
            member.pid(),
            self.plan.client_door(number),
            self.plan.peer_door(number),
        ));
        self.members.push(member);
        if !is_fresh {
            return Ok(());
        }
        let readiness = Readiness::of(self.plan, number)?;
        self.wait_until(until, async || readiness.has_id().await).await
    }

    /// Waits until `done`; a member that exits meanwhile, and the end of the time, are failures.
    async fn wait_until(&mut self, until: Instant, done: impl AsyncFn() -> Result<(), String>) -> Result<(), Failure> {
        loop {
            if let Some(exit) = self.members.iter_mut().find_map(Member::exited) {
                return Err(Failure::Failed(exit));
            }
            let Err(missing) = done().await else {
                return Ok(());
            };
            if Instant::now() >= until {
                let limit = START_MAX.as_secs();
                return Err(Failure::Failed(format!(
                    "the cluster is not ready after {limit} s: {missing}"
                )));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Tells which members exit, until there is none left.
    async fn watch(&mut self) -> Result<(), Failure> {
        while !self.members.is_empty() {
            self.members.retain_mut(|member| match member.exited() {
                None => true,
                Some(exit) => {
                    let again = self.plan.command_line(member.number());
                    say(format_args!("{exit}; to start it again: {again}"));
                    false
                }
            });
            tokio::time::sleep(POLL).await;
        }
        Err(Failure::Failed("all members have exited".to_owned()))
    }

    /// Asks all members to stop, and gives them time.
    async fn stop(&mut self) {
        for member in &mut self.members {
            member.terminate();
        }
        let until = Instant::now() + STOP_MAX;
        while self.members.iter_mut().any(Member::is_running) && Instant::now() < until {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Leaves nothing behind.
    async fn kill(&mut self) {
        for member in &mut self.members {
            member.kill().await;
        }
    }

    fn give_hints(&self) {
        let plan = self.plan;
        let doors: Vec<_> = (1..=plan.nodes())
            .map(|number| plan.client_door(number).to_string())
            .collect();
        say(format_args!("export QUORATE_ENDPOINTS={}", doors.join(",")));
        say(format_args!(
            "data and logs are in {}{}",
            plan.directory().display(),
            plan.fate()
        ));
        say("kill a member to watch a failover; Ctrl-C stops the cluster");
    }
}
