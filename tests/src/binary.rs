//! The `quorate` binary under test: found beside the test binary, and built if it is missing or out of date.

use std::{
    env, fs,
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
const NOT_BUILT: &[&str] = &["tests", "benches", "target"];

/// A command that runs `quorate`, in an environment that configures nothing, and dies with its parent.
pub(crate) fn quorate() -> Command {
    let mut command = if can_die_with_parent() {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(path());
        command
    } else {
        Command::new(path())
    };
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("QUORATE_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
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
    // <target>/<profile>/deps/<test binary>
    let test = env::current_exe().expect("a process knows its program");
    let directory = test
        .ancestors()
        .nth(2)
        .expect("cargo puts test binaries into <profile>/deps");
    let binary = directory.join("quorate");
    let is_current = modified(&binary).is_some_and(|built| newest_source() <= built);
    (is_current || build(directory)).then_some(binary)
}

/// Builds with the profile of the tests, and tells whether that went well. Cargo says what is wrong, and its own
/// lock keeps others from building at the same time.
fn build(directory: &Path) -> bool {
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
        .args([
            "build",
            "--package",
            "quorate-cli",
            "--profile",
            profile,
            "--target-dir",
        ])
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

fn newest_source() -> SystemTime {
    let newest = SOURCES
        .iter()
        .filter_map(|source| newest_below(&root().join(source)))
        .max();
    newest.expect("the tree has sources")
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
