//! One member of a cluster: a `quorate server` with a directory and doors of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use quorate_client::{Answer, Client, Error, Status};
use quorate_model::{DoorAddress, MemberId};
use rustix::process::Signal;

use crate::{Process, Surroundings, ensure, eventually};

/// How long a member may take to serve after its start, on a busy machine without optimisation.
pub const READY_WITHIN: Duration = Duration::from_secs(30);

/// How long a graceful stop may take.
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

/// Where a member listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doors {
    /// For clients.
    pub client: SocketAddr,
    /// For other members.
    pub peer: SocketAddr,
}

/// One member of a cluster. It may be down.
#[derive(Debug)]
pub struct Member {
    number: u64,
    doors: Doors,
    files: PathBuf,
    arguments: Vec<String>,
    surroundings: Mutex<Surroundings>,
    process: Mutex<Option<Process>>,
    client: Client,
}

// === impl Doors ===

impl Doors {
    /// The flags that open them.
    pub fn flags(&self) -> Vec<String> {
        let Self { client, peer } = self;
        vec![format!("--listen-client={client}"), format!("--listen-peer={peer}")]
    }
}

// === impl Member ===

impl Member {
    /// A member that has not been started. Its files go below `directory`; `start` is how it comes to belong to
    /// a cluster.
    pub(crate) fn new(directory: &Path, number: u64, doors: Doors, start: &[String]) -> Self {
        let data = directory.join(format!("member-{number}"));
        let mut arguments = vec!["server".to_owned(), format!("--data-dir={}", data.display())];
        arguments.extend(doors.flags());
        // All that tests register and probe is on this host.
        arguments.push("--probe-allow=127.0.0.0/8,::1/128".to_owned());
        arguments.extend_from_slice(start);
        let client = Client::builder()
            .endpoints([door(doors.client)])
            .discover(false)
            .build()
            .expect("a client with an endpoint");
        Self {
            number,
            doors,
            files: directory.to_owned(),
            arguments,
            surroundings: Mutex::default(),
            process: Mutex::new(None),
            client,
        }
    }

    /// Its number in the harness, from 1. Members join one after the other, so that it is also its id.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Its id, if it has joined in its turn.
    pub fn id(&self) -> MemberId {
        self.number.try_into().expect("numbers begin with 1")
    }

    /// Where it listens.
    pub fn doors(&self) -> Doors {
        self.doors
    }

    /// Where its data is.
    pub fn data(&self) -> PathBuf {
        self.files.join(self.name())
    }

    /// A client that asks this member and no other.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Starts it, with the same arguments each time.
    pub fn start(&self) {
        let surroundings = self.surroundings();
        let mut process = self.process();
        assert!(process.is_none(), "member {} runs already", self.number);
        let started = Process::start_in(&surroundings, &self.files, &self.name(), &self.arguments);
        *process = Some(started);
    }

    /// What it is started in.
    pub fn surroundings(&self) -> Surroundings {
        self.surroundings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts it in other surroundings from its next start on.
    pub fn surround(&self, surroundings: Surroundings) {
        *self.surroundings.lock().unwrap_or_else(PoisonError::into_inner) = surroundings;
    }

    /// Whether it has a process, which may have ended.
    pub fn is_started(&self) -> bool {
        self.process().is_some()
    }

    /// Kills it with SIGKILL.
    pub fn kill(&self) {
        self.take_process().kill();
    }

    /// Kills it with SIGKILL if it runs, and starts it again.
    pub fn restart(&self) {
        self.process().take();
        self.start();
    }

    /// Stops it with SIGTERM, and checks that it ends with exit code 0.
    pub async fn terminate(&self) {
        let mut process = self.take_process();
        process.signal(Signal::TERM);
        let status = process.ended(STOPPED_WITHIN).await;
        assert_eq!(status.code(), Some(0), "member {} ended with {status}", self.number);
    }

    /// Stops its time with SIGSTOP.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Stops its time with SIGSTOP, and waits until it stands still.
    pub async fn pause_now(&self) {
        self.pause();
        let what = format!("member {} stands still", self.number);
        eventually(STOPPED_WITHIN, &what, async || {
            let stopped = self.process().as_ref().is_some_and(Process::is_stopped);
            ensure(stopped, "it still runs")
        })
        .await;
    }

    /// Lets its time go on.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// How it sees itself and the cluster.
    pub async fn status(&self) -> Result<Answer<Status>, Error> {
        self.client.status().await
    }

    /// Waits until it serves and has its vote.
    pub async fn wait_ready(&self) -> Answer<Status> {
        self.wait_until("serves and votes", READY_WITHIN, |answer| {
            let me = answer
                .value
                .members
                .iter()
                .find(|member| member.id == answer.header.member_id);
            answer.value.ready && me.is_some_and(|me| me.voter)
        })
        .await
    }

    /// Waits until what it says of itself satisfies `condition`.
    pub async fn wait_until(
        &self,
        what: &str,
        within: Duration,
        condition: impl Fn(&Answer<Status>) -> bool,
    ) -> Answer<Status> {
        eventually(within, &format!("member {} {what}", self.number), async || {
            self.assert_runs();
            let answer = self.status().await.map_err(|error| error.to_string())?;
            ensure(condition(&answer), format!("{answer:?}")).map(|()| answer)
        })
        .await
    }

    /// The id of its process.
    pub fn process_id(&self) -> u32 {
        self.process().as_ref().expect("the member is up").id()
    }

    /// Whether it has a process that has not ended.
    pub fn is_running(&self) -> bool {
        let mut process = self.process();
        process.as_mut().is_some_and(|process| process.exit_status().is_none())
    }

    /// Waits until its process has ended by itself, and returns the exit code.
    pub async fn ended(&self) -> Option<i32> {
        let mut process = self.take_process();
        process.ended(STOPPED_WITHIN).await.code()
    }

    /// What its processes wrote to the standard error stream.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Shows the end of its log.
    pub(crate) fn show_log(&self) {
        Process::show_log(&self.log_path());
    }

    fn assert_runs(&self) {
        let status = self.process().as_mut().expect("the member was started").exit_status();
        assert_eq!(status, None, "member {} has ended", self.number);
    }

    fn signal(&self, signal: Signal) {
        self.process().as_mut().expect("the member is up").signal(signal);
    }

    fn take_process(&self) -> Process {
        self.process().take().expect("the member is up")
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn name(&self) -> String {
        format!("member-{}", self.number)
    }

    fn log_path(&self) -> PathBuf {
        self.files.join(format!("{}.log", self.name()))
    }
}

/// An address as clients and members are given it.
pub(crate) fn door(address: SocketAddr) -> DoorAddress {
    address.try_into().expect("a port that is not 0")
}
