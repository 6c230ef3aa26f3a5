//! A cluster of real processes on this host.

use std::{
    collections::BTreeSet,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use quorate_client::{Builder, Client, Role};
use quorate_model::{Consistency, Revision};
use tempfile::TempDir;

use crate::{
    Doors, Finished, History, Loopback, Member, READY_WITHIN, Surroundings, ensure, eventually, figure, member::door,
    run,
};

/// How long a cluster may take to come back and settle, on a busy machine.
pub const SETTLED_WITHIN: Duration = Duration::from_secs(60);

/// Client doors are at this port and the next ones.
const CLIENT_PORT: u16 = 7_300;

/// Peer doors are at this port and the next ones.
const PEER_PORT: u16 = 7_400;

/// A cluster of real processes, each in a directory of its own, at an address of its own.
///
/// When it is dropped, all processes are killed and all files removed; a failing test shows the end of each
/// member's log.
#[derive(Debug)]
pub struct Cluster {
    // Dropped in this order: processes before their files.
    members: Vec<Member>,
    /// The numbers of those that are members no more.
    gone: BTreeSet<u64>,
    files: TempDir,
    loopback: Loopback,
}

// === impl Cluster ===

impl Cluster {
    /// A cluster of `count` members, all of which serve and vote.
    pub async fn start(count: u64) -> Self {
        Self::start_with(count, "").await
    }

    /// The same, with this text as the configuration file of each member.
    pub async fn start_with(count: u64, configuration: &str) -> Self {
        Self::empty_with(configuration).with_members(count).await
    }

    /// The same cluster with so many members, all of which serve and vote. It has none before.
    #[must_use]
    pub async fn with_members(mut self, count: u64) -> Self {
        self.found().wait_ready().await;
        for _ in 1..count {
            self.join(&[1]).wait_ready().await;
        }
        for member in &self.members {
            member
                .wait_until("knows all voters", READY_WITHIN, |answer| {
                    let voters = answer.value.members.iter().filter(|member| member.voter);
                    voters.count() == self.members.len()
                })
                .await;
        }
        self
    }

    /// A cluster without members.
    pub fn empty() -> Self {
        Self::empty_with("")
    }

    /// A cluster without members, with this text as the configuration file of each that comes.
    pub fn empty_with(configuration: &str) -> Self {
        let cluster = Self {
            members: Vec::new(),
            gone: BTreeSet::new(),
            files: TempDir::with_prefix("quorate-test-").expect("a temporary directory can be made"),
            loopback: Loopback::claim(),
        };
        fs::write(cluster.configuration(), configuration).expect("the directory can be written");
        cluster
    }

    /// Starts a member that founds the cluster.
    pub fn found(&mut self) -> &Member {
        self.add(&["--bootstrap".to_owned()])
    }

    /// Starts a member that joins through the members with these numbers.
    pub fn join(&mut self, through: &[u64]) -> &Member {
        let peers: Vec<String> = through
            .iter()
            .map(|number| self.doors(*number).peer.to_string())
            .collect();
        self.add(&[format!("--join={}", peers.join(","))])
    }

    /// Starts a member with these flags for how it comes to belong to the cluster.
    pub fn add(&mut self, flags: &[String]) -> &Member {
        let number = self.members.len() as u64 + 1;
        self.add_at(self.doors(number), flags)
    }

    /// Starts a member that listens where another one did that is down.
    pub fn add_at(&mut self, doors: Doors, flags: &[String]) -> &Member {
        self.add_in(Surroundings::default(), doors, flags)
    }

    /// Starts a member in these surroundings, with these doors.
    pub fn add_in(&mut self, surroundings: Surroundings, doors: Doors, flags: &[String]) -> &Member {
        let number = self.members.len() as u64 + 1;
        let configuration = format!("--config={}", self.configuration().display());
        let flags = [flags, &[configuration]].concat();
        let member = Member::new(self.files.path(), number, doors, &flags);
        member.surround(surroundings);
        member.start();
        self.members.push(member);
        self.members.last().expect("a member has just been added")
    }

    /// Where the member with this number listens, whether there is one yet or not.
    pub fn doors(&self, number: u64) -> Doors {
        let number = u16::try_from(number).expect("fewer members than ports");
        Doors {
            client: self.loopback.port(CLIENT_PORT + number),
            peer: self.loopback.port(PEER_PORT + number),
        }
    }

    /// All members, in the order of their numbers.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The member with this number, from 1.
    pub fn member(&self, number: u64) -> &Member {
        let index = number.checked_sub(1).and_then(|index| usize::try_from(index).ok());
        &self.members[index.expect("numbers begin with 1")]
    }

    /// From now on leaves the member with this number, which is down, out of whatever all members are to do.
    pub fn forget(&mut self, number: u64) {
        assert!(!self.member(number).is_started(), "member {number} is up");
        self.gone.insert(number);
    }

    /// Members that have not been forgotten, in the order of their numbers.
    pub fn present(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| !self.gone.contains(&member.number()))
    }

    /// A directory for files of the test, removed with the cluster.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    fn configuration(&self) -> PathBuf {
        self.files.path().join("quorate.toml")
    }

    /// A client that asks whichever member answers.
    pub fn client(&self) -> Client {
        self.client_builder(0).build().expect("a cluster with members")
    }

    /// A client of all members that asks the one after the first `skipped` first, and goes nowhere by itself: what it
    /// changes is forwarded to the leader.
    pub fn client_builder(&self, skipped: usize) -> Builder {
        self.client_builder_through(skipped, |member| member.doors().client)
    }

    /// The same, of members that are found at these addresses.
    pub fn client_builder_through(&self, skipped: usize, address: impl Fn(&Member) -> SocketAddr) -> Builder {
        let members: Vec<&Member> = self.present().collect();
        let count = members.len();
        let members = (0..count).map(|index| members[(index + skipped) % count]);
        Client::builder()
            .endpoints(members.map(|member| door(address(member))))
            .discover(false)
    }

    /// Runs a client command against all members, as text.
    pub async fn run(&self, arguments: &[&str]) -> Finished {
        let doors: Vec<String> = self.present().map(|member| member.doors().client.to_string()).collect();
        let endpoints = format!("--endpoints={}", doors.join(","));
        run(arguments.iter().copied().chain([endpoints.as_str()])).await
    }

    /// Runs a client command that must succeed and answers in JSON.
    pub async fn run_ok(&self, arguments: &[&str]) -> String {
        self.run(arguments).await.exited_with(0).stdout
    }

    /// The leader, once there is one among the members that are up.
    pub async fn leader(&self) -> &Member {
        eventually(READY_WITHIN, "there is a leader", async || {
            let mut found = None;
            for member in self.members.iter().filter(|member| member.is_started()) {
                let Ok(answer) = member.status().await else { continue };
                // One that was deposed and has not noticed yet is in an older term.
                if answer.value.role == Role::Leader && found.is_none_or(|(term, _)| term < answer.header.term) {
                    found = Some((answer.header.term, member));
                }
            }
            found.map(|(_, member)| member).ok_or("no member leads")
        })
        .await
    }

    /// Members that do not lead, in the order of their numbers.
    pub async fn followers(&self) -> Vec<&Member> {
        let leader = self.leader().await.number();
        self.present().filter(|member| member.number() != leader).collect()
    }

    /// Kills all members that are up, with SIGKILL, as fast as it goes.
    pub fn kill_all(&self) {
        for member in self.members.iter().filter(|member| member.is_started()) {
            member.kill();
        }
    }

    /// Waits until all members serve and have the same revision, and checks that they have the same state.
    pub async fn converge(&self, within: Duration) -> Revision {
        let answers = eventually(within, "all members come to the same revision", async || {
            let mut answers = Vec::new();
            for member in self.present() {
                answers.push(member.status().await.map_err(|error| error.to_string())?);
            }
            let same = answers
                .iter()
                .all(|answer| answer.value.ready && answer.header.revision == answers[0].header.revision);
            ensure(same, format!("{answers:#?}")).map(|()| answers)
        })
        .await;
        for answer in &answers {
            assert_eq!(
                answer.value.state_hash, answers[0].value.state_hash,
                "members differ at the same revision: {answers:#?}"
            );
        }
        answers[0].header.revision
    }

    /// Waits until all members have settled, and fails the calling test unless each of them has whatever `history`
    /// has acknowledged, and nothing else that nobody wrote.
    pub async fn assert_kept(&self, history: &History) {
        let revision = self.converge(SETTLED_WITHIN).await;
        let (acknowledged, not_done, unknown) = history.counts();
        figure(format_args!(
            "{acknowledged} writes acknowledged, {not_done} not done, {unknown} unknown, up to revision {revision}"
        ));
        for member in self.present() {
            for consistency in [Consistency::Linearizable, Consistency::Stale] {
                let found = history.read_back(member.client(), consistency).await;
                let problems = history.check(&found);
                assert!(
                    problems.is_empty(),
                    "member {}: {}",
                    member.number(),
                    problems.join("\n")
                );
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.members.iter().for_each(Member::show_log);
        }
    }
}
