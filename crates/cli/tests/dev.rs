//! The supervisor of a cluster: ready, stopped, killed; and a member that is killed under it.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Far more than anything here takes; a test that waits so long has failed.
const LIMIT_MS: u64 = 60_000;

const POLL_MS: u64 = 10;

/// A supervisor of members in memory.
struct Dev {
    child: Child,
    /// The client door of the first member.
    door: SocketAddr,
    /// Where it makes its temporary directory.
    temporary: TempDir,
}

impl Dev {
    /// Starts it with so many members and waits for its line.
    fn start(nodes: u16) -> Self {
        let base_port = free_base_port(nodes);
        let temporary = tempfile::tempdir().unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["dev", "--memory"])
            .args([format!("--nodes={nodes}"), format!("--base-port={base_port}")])
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut dev = Self {
            child,
            door: (Ipv4Addr::LOCALHOST, base_port + 1).into(),
            temporary,
        };
        let mut line = String::new();
        BufReader::new(dev.child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n", "{}", dev.stderr());
        dev
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Kills a member by the process id that the supervisor has told.
    fn kill_member(&mut self, number: u16) {
        let start = format!("quorate: member {number}: pid ");
        let mut said = BufReader::new(self.child.stderr.as_mut().unwrap()).lines();
        let pid = said.find_map(|line| Some(line.unwrap().strip_prefix(&start)?.split_once(',')?.0.to_owned()));
        let pid = Pid::from_raw(pid.unwrap().parse().unwrap()).unwrap();
        kill_process(pid, Signal::KILL).unwrap();
    }

    /// Asks the first member for its status.
    fn status(&self, flags: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_quorate"))
            .args(["status", &format!("--endpoints={}", self.door)])
            .args(flags)
            .output()
            .unwrap()
    }

    fn stderr(&mut self) -> String {
        let mut said = String::new();
        self.child.kill().unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }

    fn has_member(&self) -> bool {
        TcpStream::connect(self.door).is_ok()
    }

    fn has_files(&self) -> bool {
        fs::read_dir(&self.temporary).unwrap().next().is_some()
    }

    fn ended(&mut self) -> ExitStatus {
        wait_until("the supervisor has ended", || self.child.try_wait().unwrap().is_some());
        self.child.wait().unwrap()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _ended = self.child.wait();
    }
}

/// A base port whose doors are free for so many members, below the ports that the system hands out to everybody.
fn free_base_port(nodes: u16) -> u16 {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Different test processes begin at different ports.
    let first = u16::try_from(std::process::id() % 100).unwrap() * 200;
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    loop {
        let base_port = 10_000 + (first + TRIED.fetch_add(200, Ordering::Relaxed)) % 20_000;
        if (1..=nodes).all(|number| is_free(base_port + number) && is_free(base_port + 100 + number)) {
            return base_port;
        }
    }
}

#[track_caller]
fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..LIMIT_MS / POLL_MS {
        if done() {
            return;
        }
        thread::sleep(Duration::from_millis(POLL_MS));
    }
    panic!("never: {what}");
}

#[test]
fn a_signal_stops_the_members_and_ends_well() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut dev = Dev::start(1);
        assert!(dev.has_member() && dev.has_files());
        dev.signal(signal);
        assert_eq!(dev.ended().code(), Some(0), "{signal:?}");
        assert!(!dev.has_member() && !dev.has_files(), "{signal:?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn members_die_with_a_supervisor_that_is_killed() {
    let mut dev = Dev::start(1);
    dev.signal(Signal::KILL);
    dev.ended();
    wait_until("the member has died", || !dev.has_member());
}

#[test]
fn a_port_in_use_ends_it_before_anything_starts() {
    let port = free_base_port(1) + 1;
    let _taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(["dev", "--memory", "--nodes=1", &format!("--base-port={}", port - 1)])
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(
        stderr.contains(&port.to_string()) && stderr.contains("--base-port"),
        "{stderr}"
    );
    assert!(output.stdout.is_empty());
}

#[test]
fn a_member_without_a_quorum_tells_its_status_but_is_not_ready() {
    let mut dev = Dev::start(2);
    assert_eq!(dev.status(&["--ready"]).status.code(), Some(0));
    dev.kill_member(2);
    wait_until("the first member is not ready", || {
        dev.status(&["--ready"]).status.code() == Some(4)
    });
    assert_eq!(dev.status(&[]).status.code(), Some(0));
    let told = dev.status(&["--ready"]);
    let (stdout, stderr) = (
        String::from_utf8_lossy(&told.stdout),
        String::from_utf8_lossy(&told.stderr),
    );
    assert!(stdout.contains("not ready"), "{stdout}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.contains("member 1 is not ready"), "{stderr}");
}
