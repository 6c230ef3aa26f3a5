//! The unit, the compose file and the example configuration name flags, variables, keys and verbs that the binary
//! knows.

use quorate_tests::{run, run_with};
use tempfile::TempDir;

use crate::tree::{self, SourceFile};

const UNIT: &str = "deploy/quorate.service";
const COMPOSE: &str = "deploy/compose.yaml";

/// Where the unit expects the configuration, and where the example lies in the tree.
const INSTALLED_CONFIG: &str = "/etc/quorate/quorate.toml";
const EXAMPLE_CONFIG: &str = "../deploy/quorate.toml";

/// The exit code of a command line that is wrong.
const USAGE: i32 = 2;

#[tokio::test]
async fn the_unit_starts_the_binary_with_flags_that_it_knows() {
    let unit = tree::file(UNIT);
    let commands: Vec<_> = unit
        .lines()
        .filter_map(|(_, line)| line.strip_prefix("ExecStart"))
        .filter_map(|rest| rest.split_once("/usr/local/bin/quorate "))
        .map(|(_, arguments)| arguments)
        .collect();
    assert_eq!(commands.len(), 2, "a check and a start: {commands:?}");
    for command in commands {
        let arguments = command.split(' ').filter(|argument| *argument != "--check-config");
        let arguments = arguments.map(|argument| argument.replace(INSTALLED_CONFIG, EXAMPLE_CONFIG));
        check_config(arguments, &[]).await;
    }
}

#[tokio::test]
async fn the_compose_file_starts_three_nodes_with_flags_that_the_binary_knows() {
    let compose = tree::file(COMPOSE);
    let environment: Vec<_> = compose
        .lines()
        .filter_map(|(_, line)| line.trim().split_once(": "))
        .filter(|(name, _)| name.starts_with("QUORATE_"))
        .collect();
    assert!(!environment.is_empty(), "the nodes share variables");
    let commands = lists(&compose, "command");
    assert_eq!(commands.len(), 3);
    for command in commands {
        check_config(command, &environment).await;
    }
}

#[tokio::test]
async fn the_health_check_of_the_compose_file_is_a_command() {
    let checks = lists(&tree::file(COMPOSE), "test");
    assert!(!checks.is_empty());
    for check in checks {
        let arguments = check.strip_prefix(&["CMD".to_owned(), "quorate".to_owned()][..]);
        let finished = run_with(arguments.expect("it runs the binary"), &[]).await;
        assert_ne!(finished.code(), Some(USAGE), "{finished:?}");
    }
}

#[tokio::test]
async fn every_key_of_the_configuration_file_is_known_also_those_that_are_commented_out() {
    let files = TempDir::with_prefix("quorate-test-").expect("a temporary directory can be made");
    let path = files.path().join("quorate.toml");
    let check = async |text: &str| {
        std::fs::write(&path, text).expect("the directory can be written");
        run([
            "server",
            "--check-config",
            "--config",
            path.to_str().expect("a plain path"),
        ])
        .await
    };
    let shipped = tree::file("deploy/quorate.toml").text;
    check(&shipped).await.exited_with(0);
    let optional: Vec<&str> = shipped.lines().filter(|line| is_commented_key(line)).collect();
    assert!(optional.len() >= 5, "{optional:?}");
    for line in optional {
        let text = shipped.replace(line, line.trim_start_matches("# "));
        let finished = check(&text).await;
        // Some keys contradict others that are set; none of them is unknown or malformed.
        let is_known = !finished.stderr.contains("unknown key") && !finished.stderr.contains("TOML");
        assert!(
            is_known && matches!(finished.code(), Some(0 | 2)),
            "{line}: {finished:#?}"
        );
    }
    let finished = check(&format!("{shipped}\nno_such_key = 1\n")).await.exited_with(2);
    finished.said(&["unknown key", "no_such_key"]);
}

/// Has the binary check the configuration that `arguments` and `environment` make.
async fn check_config(arguments: impl IntoIterator<Item = String>, environment: &[(&str, &str)]) {
    let arguments = arguments.into_iter().chain(["--check-config".to_owned()]);
    let finished = run_with(arguments, environment).await;
    assert_eq!(finished.code(), Some(0), "{finished:?}");
}

/// The values of `key`, each a list of texts on one line.
fn lists(file: &SourceFile, key: &str) -> Vec<Vec<String>> {
    let start = format!("{key}: [");
    let lines = file.lines().filter(|(_, line)| line.trim().starts_with(&start));
    lines
        .map(|(number, line)| {
            let list = line.trim().trim_start_matches(key).trim_start_matches(": ");
            serde_json::from_str(list).unwrap_or_else(|error| panic!("{COMPOSE}:{number}: {error}"))
        })
        .collect()
}

/// A line such as `# key = value`.
fn is_commented_key(line: &str) -> bool {
    let key = line.strip_prefix("# ").and_then(|rest| rest.split_once(" = "));
    key.is_some_and(|(key, _)| key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
}
