//! The `quorate` binary under test, and the examples of the SDK: found beside the test binary, and built if they are
//! missing or out of date.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
    time::SystemTime,
};

/// Names a binary to be tested instead of the one of this build.
const GIVEN: &str = "QUORATE_TEST_BINARY";

/// Where the sources of the binary are, from the root of the tree.
const SOURCES: &[&str] = &["Cargo.lock", "Cargo.toml", "crates"];

/// Directories below `crates` that the binary is not built from.
const NOT_BUILT: &[&str] = &["tests", "benches", "examples", "target"];

/// Where the sources of the examples are, beside those of the binary.
const EXAMPLES: &str = "crates/client/examples";

/// A command that runs `quorate`, in an environment that configures nothing, and dies with its parent.
pub(crate) fn quorate() -> Command {
    quorate_within(&[])
}

/// The same, given to a command that becomes it.
pub(crate) fn quorate_within(outer: &[String]) -> Command {
    let dies: &[&str] = if can_die_with_parent() {
        &["setpriv", "--pdeathsig", "KILL", "--"]
    } else {
        &[]
    };
    let words = dies.iter().map(OsStr::new).chain(outer.iter().map(OsStr::new));
    let mut words = words.chain([path().as_os_str()]);
    let mut command = Command::new(words.next().expect("the binary at least"));
    command.args(words);
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("QUORATE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// A command that runs an example of the SDK.
pub(crate) fn example(name: &str) -> Command {
    let newest = newest_source().max(newest_below(&root().join(EXAMPLES)));
    let example = beside_test().join("examples").join(name);
    if modified(&example) < newest {
        // All of them at a time: the next test needs another one.
        let built = build(&beside_test(), &["--package", "quorate-client", "--examples"]);
        assert!(built, "the examples are built");
    }
    Command::new(example)
}

fn path() -> &'static Path {
    // What does not build for one test does not build for the next one either.
    static PATH: OnceLock<Option<PathBuf>> = OnceLock::new();
    let path = PATH.get_or_init(|| env::var_os(GIVEN).map_or_else(find_or_build, |path| Some(path.into())));
    path.as_ref().expect("the binary under test is built")
}

/// Whether the kernel can be told to kill a process when its parent has died, so that an aborted run leaves
/// nothing behind. Without it only an orderly end does.
fn can_die_with_parent() -> bool {
    static CAN: OnceLock<bool> = OnceLock::new();
    *CAN.get_or_init(|| {
        let tried = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--", "true"])
            .stdin(Stdio::null())
            .output();
        tried.is_ok_and(|output| output.status.success())
    })
}

fn find_or_build() -> Option<PathBuf> {
    let binary = beside_test().join("quorate");
    let is_current = modified(&binary).is_some_and(|built| newest_source() <= Some(built));
    (is_current || build(&beside_test(), &["--package", "quorate-cli"])).then_some(binary)
}

/// The directory of what is built with the profile of the tests.
fn beside_test() -> PathBuf {
    // <target>/<profile>/deps/<test binary>
    let test = env::current_exe().expect("a process knows its program");
    let directory = test.ancestors().nth(2);
    directory
        .expect("cargo puts test binaries into <profile>/deps")
        .to_owned()
}

/// Builds with the profile of the tests, and tells whether that went well. Cargo says what is wrong, and its own
/// lock keeps others from building at the same time.
fn build(directory: &Path, what: &[&str]) -> bool {
    let (target, profile) = (directory.parent(), directory.file_name());
    let (Some(target), Some(profile)) = (target, profile) else {
        panic!("{} is not <target>/<profile>", directory.display());
    };
    let profile = match profile.to_str() {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .current_dir(root())
        .arg("build")
        .args(what)
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .status()
        .expect("cargo runs");
    status.success()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the test package is a directory of the tree")
}

fn newest_source() -> Option<SystemTime> {
    let sources = SOURCES.iter().map(|source| newest_below(&root().join(source)));
    sources.max().flatten()
}

fn newest_below(path: &Path) -> Option<SystemTime> {
    if !path.is_dir() {
        return modified(path);
    }
    let is_built = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| NOT_BUILT.iter().all(|other| name != *other))
    };
    let entries = fs::read_dir(path).ok()?.flatten().map(|entry| entry.path());
    entries.filter(is_built).filter_map(|path| newest_below(&path)).max()
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}
