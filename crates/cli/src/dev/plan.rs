//! Where everything of a cluster is: doors, data and logs. Checked before the first process starts.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{args::DevArgs, failure::Failure};

/// Peer doors are so many ports above the client doors.
const PEER_PORTS: u16 = 100;

/// What is tried out on this machine is registered with addresses of this machine, which members do not probe otherwise.
const PROBE_ALLOW: &str = "--probe-allow=127.0.0.0/8,::1/128";

/// Remembers the base port of a data directory: members know each other by their ports.
const BASE_PORT_FILE: &str = "base-port";

/// Where everything of a cluster is.
#[derive(Debug)]
pub(super) struct Plan {
    nodes: u8,
    base_port: u16,
    memory: bool,
    directory: Directory,
}

/// Where data and logs are.
#[derive(Debug)]
enum Directory {
    /// Where the user wants them, for the next time too.
    Kept(PathBuf),
    /// Gone with the supervisor.
    Temporary(TempDir),
}

// === impl Plan ===

impl Plan {
    /// Finds a place for everything, and checks that it is free.
    pub(super) fn make(args: &DevArgs) -> Result<Self, Failure> {
        let plan = Self {
            nodes: args.nodes,
            base_port: args.base_port,
            memory: args.memory,
            directory: Directory::make(args.data_dir.as_deref())?,
        };
        plan.check_ports()?;
        plan.check_data()?;
        Ok(plan)
    }

    pub(super) fn nodes(&self) -> u8 {
        self.nodes
    }

    /// The client door of the member with this number, from 1.
    pub(super) fn client_door(&self, number: u8) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base_port + u16::from(number)).into()
    }

    /// The peer door of the member with this number.
    pub(super) fn peer_door(&self, number: u8) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.base_port + PEER_PORTS + u16::from(number)).into()
    }

    /// Where data and logs are.
    pub(super) fn directory(&self) -> &Path {
        match &self.directory {
            Directory::Kept(path) => path,
            Directory::Temporary(directory) => directory.path(),
        }
    }

    /// What becomes of the directory, in words.
    pub(super) fn fate(&self) -> &'static str {
        match &self.directory {
            Directory::Kept(_) => "",
            Directory::Temporary(_) => ", and go at exit",
        }
    }

    /// The file that the member with this number writes its log lines to.
    pub(super) fn log_file(&self, number: u8) -> PathBuf {
        self.directory().join(format!("member-{number}.log"))
    }

    /// Whether the member with this number has no data yet.
    pub(super) fn is_fresh(&self, number: u8) -> bool {
        self.memory || is_empty(&self.data_dir(number))
    }

    /// What the process of the member with this number is told.
    pub(super) fn arguments(&self, number: u8) -> Vec<String> {
        let mut arguments = vec!["server".to_owned()];
        if self.memory {
            arguments.push("--memory".to_owned());
        } else {
            arguments.push(format!("--data-dir={}", self.data_dir(number).display()));
        }
        arguments.push(format!("--listen-client={}", self.client_door(number)));
        arguments.push(format!("--listen-peer={}", self.peer_door(number)));
        arguments.push(PROBE_ALLOW.to_owned());
        arguments.push(match number {
            1 => "--bootstrap".to_owned(),
            _ => format!("--join={}", self.peer_door(1)),
        });
        arguments
    }

    /// How the user starts the member with this number.
    pub(super) fn command_line(&self, number: u8) -> String {
        format!("quorate {}", self.arguments(number).join(" "))
    }

    fn data_dir(&self, number: u8) -> PathBuf {
        self.directory().join(format!("member-{number}"))
    }

    /// Finds out before anything is started whether another process sits on a port.
    fn check_ports(&self) -> Result<(), Failure> {
        for number in 1..=self.nodes {
            for (address, door) in [(self.client_door(number), "client"), (self.peer_door(number), "peer")] {
                TcpListener::bind(address).map_err(|error| {
                    let advice = "stop what listens there, or shift all ports with --base-port";
                    Failure::Failed(format!(
                        "cannot use {address} as {door} door of member {number}: {error}; {advice}"
                    ))
                })?;
            }
        }
        Ok(())
    }

    /// Refuses the data of another cluster than the one that is asked for.
    fn check_data(&self) -> Result<(), Failure> {
        let directory = self.directory().display();
        let stored = fs::read_to_string(self.directory().join(BASE_PORT_FILE)).ok();
        let wanted = self.base_port.to_string();
        match stored.as_deref().map(str::trim) {
            Some(stored) if stored != wanted => Err(Failure::Failed(format!(
                "the members in {directory} know each other by --base-port {stored}; give that, or another --data-dir"
            ))),
            Some(_) => self.check_members(),
            None => fs::write(self.directory().join(BASE_PORT_FILE), wanted)
                .map_err(|error| unusable(self.directory(), &error)),
        }
    }

    /// Refuses a directory from which members are missing: without them there may be no quorum, and a founder
    /// that lost its data would found a second cluster.
    fn check_members(&self) -> Result<(), Failure> {
        let directory = self.directory().display();
        let last = (1..=u8::MAX).rev().find(|number| !is_empty(&self.data_dir(*number)));
        match last {
            Some(last) if last > self.nodes => Err(Failure::Failed(format!(
                "there are {last} members in {directory}; give --nodes {last}"
            ))),
            Some(_) if is_empty(&self.data_dir(1)) => Err(Failure::Failed(format!(
                "the data of member 1 is missing from {directory}; put it back, or remove the directory to start anew"
            ))),
            Some(_) | None => Ok(()),
        }
    }
}

// === impl Directory ===

impl Directory {
    fn make(wanted: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = wanted else {
            return tempfile::Builder::new()
                .prefix("quorate-dev-")
                .tempdir()
                .map(Self::Temporary)
                .map_err(|error| unusable(&std::env::temp_dir(), &error));
        };
        fs::create_dir_all(path).map_err(|error| unusable(path, &error))?;
        Ok(Self::Kept(path.to_owned()))
    }
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::Failed(format!(
        "cannot keep data in {}: {error}; give another --data-dir",
        path.display()
    ))
}

/// Whether there is nothing at `path`, or an empty directory.
fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).map_or(true, |mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU16, Ordering};

    use super::*;

    /// Base ports for each test its own, below the ports that the system hands out to everybody.
    fn free_base_port() -> u16 {
        static NEXT: AtomicU16 = AtomicU16::new(31_000);
        NEXT.fetch_add(200, Ordering::Relaxed)
    }

    fn args(directory: &Path) -> DevArgs {
        DevArgs {
            nodes: 1,
            memory: false,
            data_dir: Some(directory.to_owned()),
            base_port: free_base_port(),
        }
    }

    fn message(args: &DevArgs) -> String {
        Plan::make(args).unwrap_err().to_string()
    }

    #[test]
    fn doors_follow_the_numbers_of_the_members() {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan {
            nodes: 3,
            base_port: 7300,
            memory: false,
            directory: Directory::Kept(directory.path().to_owned()),
        };
        assert_eq!(plan.client_door(1).to_string(), "127.0.0.1:7301");
        assert_eq!(plan.peer_door(3).to_string(), "127.0.0.1:7403");
        assert!(plan.command_line(1).ends_with("--bootstrap"));
        assert!(plan.command_line(3).ends_with("--join=127.0.0.1:7401"));
        assert!(plan.command_line(2).contains(" --probe-allow=127.0.0.0/8,::1/128 "));
    }

    #[test]
    fn a_port_in_use_is_told_before_anything_starts() {
        let directory = tempfile::tempdir().unwrap();
        let args = args(directory.path());
        let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, args.base_port + 1)).unwrap();
        let message = message(&args);
        assert!(
            message.contains("client door of member 1") && message.contains("--base-port"),
            "{message}"
        );
    }

    #[test]
    fn data_of_another_shape_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let first = args(directory.path());
        Plan::make(&first).unwrap();
        Plan::make(&first).unwrap();
        let other = DevArgs {
            base_port: first.base_port - 200,
            ..args(directory.path())
        };
        assert!(message(&other).contains(&format!("--base-port {}", first.base_port)));

        fs::create_dir_all(directory.path().join("member-2/data")).unwrap();
        assert!(message(&first).contains("--nodes 2"));
        let two = DevArgs { nodes: 2, ..first };
        assert!(message(&two).contains("member 1 is missing"));
    }

    #[test]
    fn a_temporary_directory_goes_with_the_plan() {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan::make(&DevArgs {
            data_dir: None,
            ..args(directory.path())
        })
        .unwrap();
        let path = plan.directory().to_owned();
        assert!(path.exists());
        drop(plan);
        assert!(!path.exists());
    }
}
