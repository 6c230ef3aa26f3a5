//! The command as a shell sees it, with no cluster at hand: exit codes, one-line errors, help.

#![expect(clippy::unwrap_used, reason = "a helper that fails fails its test")]

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    process::{Command, Output, Stdio},
};

/// The command in an environment that configures nothing.
fn command(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUORATE_")) {
        command.env_remove(name);
    }
    command.args(line.split_whitespace()).stdin(Stdio::null());
    command
}

fn quorate(line: &str) -> Output {
    command(line).output().unwrap()
}

/// Checks the exit code, and that stderr is one line of ours with all of `parts`.
#[track_caller]
fn check(line: &str, code: i32, parts: &[&str]) {
    let output = quorate(line);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
    assert_eq!(stderr.lines().count(), 1, "{line}: {stderr}");
    assert!(stderr.starts_with("quorate: "), "{line}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{line}: {stderr}");
    }
    assert!(output.stdout.is_empty(), "{line}: a failure prints nothing on stdout");
}

/// A port on which nobody listens.
fn closed_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn wrong_usage_is_exit_code_2() {
    check("", 2, &["--help"]);
    check("frobnicate", 2, &["frobnicate"]);
    check("services --timeout 5", 2, &["--timeout", "5s"]);
    check(
        "register payments --id a --address 10.0.0.1 --port 65536",
        2,
        &["--port", "1–65535"],
    );
    check(
        "register payments --id a --address h --port 1 --meta k=1 --meta k=2",
        2,
        &["--meta", "given twice"],
    );
    check("server", 2, &["--data-dir", "--memory"]);
    for (flags, said) in [
        ("--leases 18446744073709551615", "--leases"),
        ("--leases 10000001", "1..=10000000"),
        ("--leases 0", "--leases"),
        ("--seconds 0", "1..=86400"),
        ("--find-max --most 0", "--most"),
        (
            "--find-max --leases 200 --most 100",
            "--most 100 is below the 200 leases",
        ),
    ] {
        check(&format!("bench hold {flags}"), 2, &[said]);
    }
    check(
        "server --config /nowhere/quorate.toml --check-config",
        2,
        &["/nowhere/quorate.toml"],
    );
}

#[test]
fn nobody_to_ask_is_exit_code_4() {
    let port = closed_port();
    for verb in [
        "services",
        "status",
        "drain payments --id a",
        "register payments --id a --address h --port 1",
    ] {
        check(
            &format!("{verb} --endpoints 127.0.0.1:{port}"),
            4,
            &[&port.to_string(), "refused", "--endpoints"],
        );
    }
}

#[test]
fn help_and_version_go_to_stdout() {
    for line in ["--help", "--version", "resolve --help", "completion bash"] {
        let output = quorate(line);
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{line}: {output:?}"
        );
        assert!(String::from_utf8(output.stdout).unwrap().contains("quorate"), "{line}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn an_answer_that_cannot_be_written_is_exit_code_1() {
    for line in ["--help", "completion bash"] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = command(line).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}: {stderr}");
        assert!(
            stderr.starts_with("quorate: the answer cannot be written"),
            "{line}: {stderr}"
        );
    }
}

#[test]
fn a_right_configuration_is_told_so() {
    let output = quorate("server --memory --bootstrap --check-config");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "the configuration is right\n"
    );
}

#[test]
fn a_server_does_not_start_without_the_parent_that_it_is_to_die_with() {
    check("server --memory --bootstrap --die-with-parent 1", 1, &["parent"]);
}
