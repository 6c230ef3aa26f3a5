//! The cluster to develop against: it comes up, stays up when a member dies, and leaves nothing behind.

use std::{
    ffi::OsStr,
    fs,
    net::TcpListener,
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use quorate_client::Client;
use quorate_model::Consistency;
use quorate_tests::{Process, READY_WITHIN, ensure, eventually, id, parts, registration, run_with, service};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::tree;

/// A `quorate dev` with ports and a directory for temporary files of its own.
struct Dev {
    // Dropped in this order: the process before its files.
    process: Process,
    files: TempDir,
    base_port: u16,
}

// === impl Dev ===

impl Dev {
    /// Starts one and waits until it says that it is ready.
    async fn start(flags: &[&str]) -> Self {
        let files = TempDir::with_prefix("quorate-test-").expect("a temporary directory can be made");
        let base_port = free_base_port();
        let dev = Self {
            process: launch(files.path(), base_port, flags),
            files,
            base_port,
        };
        dev.ready().await
    }

    async fn ready(mut self) -> Self {
        eventually(READY_WITHIN, "dev is ready", async || {
            let ended = self.process.exit_status();
            assert!(ended.is_none(), "dev has ended: {ended:?}\n{}", self.process.log());
            ensure(self.process.output().contains("ready"), self.process.log())
        })
        .await;
        assert_eq!(self.process.output(), "ready\n", "one line, and nothing else");
        self
    }

    fn client(&self) -> Client {
        let doors = (1..=3).map(|number| {
            format!("127.0.0.1:{}", self.base_port + number)
                .parse()
                .expect("an address")
        });
        Client::builder()
            .endpoints(doors)
            .build()
            .expect("a client with endpoints")
    }

    /// Processes that it started.
    fn children(&self) -> Vec<i32> {
        children_of(self.process.id())
    }

    /// Waits until nothing of it is there any more: no process, no listener, no temporary file.
    async fn assert_nothing_is_left(&self, children: &[i32]) {
        eventually(READY_WITHIN, "nothing is left", async || {
            let alive: Vec<_> = children.iter().filter(|child| is_alive(**child)).collect();
            ensure(alive.is_empty(), format!("processes {alive:?}"))?;
            ensure(ports(self.base_port).all(is_free), "a door is open".to_owned())
        })
        .await;
    }

    fn temporary_files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.files.path().join("tmp")).expect("the directory is there");
        entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect()
    }
}

#[tokio::test]
async fn dev_runs_three_members_that_vote_and_the_commands_of_the_readme_work() {
    let dev = Dev::start(&[]).await;
    let status = dev.client().status().await.unwrap().value;
    assert!(status.ready);
    assert_eq!(status.members.iter().filter(|member| member.voter).count(), 3);
    for member in &status.members {
        let number = u16::try_from(member.id.get()).unwrap();
        assert_eq!(member.client_address.port().get(), dev.base_port + number);
        assert_eq!(member.peer_address.port().get(), dev.base_port + 100 + number);
    }
    let endpoints: Vec<String> = (1..=3)
        .map(|number| format!("127.0.0.1:{}", dev.base_port + number))
        .collect();
    let commands = readme_commands();
    assert!(commands.len() >= 8, "{commands:?}");
    for command in commands {
        let here = command.replace("127.0.0.1:730", &format!("127.0.0.1:{}", dev.base_port / 10));
        let words = words(&here);
        let finished = run_with(&words[1..], &[("QUORATE_ENDPOINTS", &endpoints.join(","))]).await;
        assert_eq!(finished.code(), Some(0), "{here}: {finished:#?}");
    }
}

#[tokio::test]
async fn a_dev_cluster_survives_one_member_and_leaves_nothing_behind() {
    let mut dev = Dev::start(&[]).await;
    let client = dev.client();
    client
        .register(&service("s"), &id("before"), registration(parts(80)))
        .await
        .unwrap();
    let children = dev.children();
    assert_eq!(children.len(), 3);
    assert_eq!(dev.temporary_files().len(), 1, "the data");

    let victim = Pid::from_raw(children[0]).expect("a process id is not 0");
    kill_process(victim, Signal::KILL).expect("a child of a child of ours");
    eventually(READY_WITHIN, "the others take writes", async || {
        client
            .register(&service("s"), &id("after"), registration(parts(80)))
            .await
    })
    .await;
    let listed = client
        .with_consistency(Consistency::Linearizable)
        .list_instances(&service("s"))
        .await
        .unwrap();
    assert_eq!(listed.value.instances.len(), 2);

    dev.process.signal(Signal::TERM);
    let status = dev.process.ended(READY_WITHIN).await;
    assert_eq!(status.code(), Some(0), "{}", dev.process.log());
    dev.assert_nothing_is_left(&children).await;
    assert_eq!(dev.temporary_files(), Vec::<String>::new());
    assert_eq!(dev.process.output(), "ready\n");
}

#[tokio::test]
async fn a_dev_cluster_with_a_data_directory_goes_on_where_it_was() {
    let data = TempDir::with_prefix("quorate-test-").expect("a temporary directory can be made");
    let flag = format!("--data-dir={}", data.path().join("dev").display());
    let mut dev = Dev::start(&[&flag]).await;
    dev.client()
        .register(&service("s"), &id("i"), registration(parts(80)))
        .await
        .unwrap();
    let before = dev.client().status().await.unwrap().header.cluster_id;
    dev.process.signal(Signal::TERM);
    assert_eq!(
        dev.process.ended(READY_WITHIN).await.code(),
        Some(0),
        "{}",
        dev.process.log()
    );

    let Dev { files, base_port, .. } = dev;
    fs::remove_file(files.path().join("dev.out")).expect("the output of the first run");
    let process = launch(files.path(), base_port, &[&flag]);
    let dev = Dev {
        process,
        files,
        base_port,
    }
    .ready()
    .await;
    assert_eq!(dev.client().status().await.unwrap().header.cluster_id, before);
    let listed = dev
        .client()
        .with_consistency(Consistency::Linearizable)
        .list_instances(&service("s"))
        .await
        .unwrap();
    assert_eq!(listed.value.instances.len(), 1);
}

#[tokio::test]
async fn a_dev_cluster_in_memory_comes_up_too() {
    let dev = Dev::start(&["--memory", "--nodes=1"]).await;
    dev.client()
        .register(&service("s"), &id("i"), registration(parts(80)))
        .await
        .unwrap();
    assert_eq!(dev.children().len(), 1);
}

#[tokio::test]
async fn a_dev_cluster_whose_port_is_in_use_ends_with_one_and_leaves_nothing() {
    let files = TempDir::with_prefix("quorate-test-").expect("a temporary directory can be made");
    let base_port = free_base_port();
    for taken in [base_port + 2, base_port + 103] {
        let holder = TcpListener::bind(("127.0.0.1", taken)).expect("the port was free just now");
        let mut process = launch(files.path(), base_port, &[]);
        let status = process.ended(READY_WITHIN).await;
        assert_eq!(status.code(), Some(1), "{}", process.log());
        assert!(process.log().contains(&taken.to_string()), "{}", process.log());
        assert!(!process.output().contains("ready"));
        drop(holder);
        eventually(READY_WITHIN, "no member is left", async || {
            ensure(ports(base_port).all(is_free), "a door is open")
        })
        .await;
        assert_eq!(
            fs::read_dir(files.path().join("tmp")).unwrap().count(),
            0,
            "temporary files are removed"
        );
    }
}

fn launch(files: &Path, base_port: u16, flags: &[&str]) -> Process {
    let temporary = files.join("tmp");
    fs::create_dir_all(&temporary).expect("a directory can be made");
    let base = format!("--base-port={base_port}");
    let arguments = ["dev", &base].into_iter().chain(flags.iter().copied());
    let environment: [(&str, &OsStr); 1] = [("TMPDIR", temporary.as_os_str())];
    Process::start_with(files, "dev", arguments, &environment)
}

/// A port before six free ones, another one for each call. Below the ports that the kernel gives to outgoing
/// connections, and so far from the next one that no two clusters meet.
fn free_base_port() -> u16 {
    const SLOTS: u32 = 100;
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let slot = || (std::process::id() + CALLS.fetch_add(1, Ordering::Relaxed)) % SLOTS;
    let mut bases = (0..SLOTS).map(|_| 10_000 + 200 * u16::try_from(slot()).expect("a hundred fit"));
    bases
        .find(|base| ports(*base).all(is_free))
        .expect("of a hundred ranges of ports one is free")
}

fn ports(base: u16) -> impl Iterator<Item = u16> {
    (1..=3).flat_map(move |number| [base + number, base + 100 + number])
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// Fields of `/proc/<id>/stat` behind the name of the program: its state, its parent.
fn stat(process: i32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

fn is_alive(process: i32) -> bool {
    stat(process).is_some_and(|(state, _)| state != "Z")
}

fn children_of(parent: u32) -> Vec<i32> {
    let entries = fs::read_dir("/proc").expect("Linux tells of its processes").flatten();
    let processes = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let mut children: Vec<i32> = processes
        .filter(|process| stat(*process).is_some_and(|(_, found)| found == parent))
        .collect();
    children.sort_unstable();
    children
}

/// The lines of the README that call `quorate`.
fn readme_commands() -> Vec<String> {
    let readme = tree::file("README.md");
    let blocks = readme
        .text
        .split("```sh\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next());
    let lines = blocks.flat_map(str::lines).filter(|line| line.starts_with("quorate "));
    lines.map(ToOwned::to_owned).collect()
}

/// The words of a command, of which some are in single quotes.
fn words(command: &str) -> Vec<String> {
    let quoted = command.split('\'').enumerate();
    quoted
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(ToOwned::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
