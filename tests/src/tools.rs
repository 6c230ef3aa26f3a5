//! Commands of the system that tests call, and what is missing of them.

use std::{
    env,
    ffi::OsStr,
    io::Write as _,
    process::{Command, Stdio},
};

/// What these commands need that is not here: one of them, or the rights that they take. None if all is here.
pub fn missing(commands: &[&str]) -> Option<String> {
    let search = env::var_os("PATH").unwrap_or_default();
    let is_here = |command: &str| env::split_paths(&search).any(|directory| directory.join(command).is_file());
    if let Some(command) = commands.iter().find(|command| !is_here(command)) {
        return Some(format!("there is no {command}"));
    }
    (!rustix::process::geteuid().is_root()).then(|| format!("{} takes root", commands.join(" and ")))
}

/// Runs a command to its end with this text as its input, and returns what it wrote, or what went wrong.
pub(crate) fn call<S: AsRef<OsStr>>(words: &[S], input: &str) -> Result<String, String> {
    let shown: Vec<_> = words.iter().map(|word| word.as_ref().to_string_lossy()).collect();
    let shown = shown.join(" ");
    let failed = |problem: String| format!("{shown}: {problem}");
    let (program, arguments) = words.split_first().expect("a command has a name");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut stdin = child.stdin.take().expect("it is piped");
    // One that has ended already says below why.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_is_not_here_is_missing() {
        let problem = missing(&["sh", "no-such-command"]);
        assert_eq!(problem.as_deref(), Some("there is no no-such-command"));
    }

    #[test]
    fn a_command_that_fails_says_why() {
        assert_eq!(call(&["cat"], "text").as_deref(), Ok("text"));
        let problem = call(&["sh", "-c", "echo no >&2; exit 1"], "");
        assert_eq!(problem, Err("sh -c echo no >&2; exit 1: no".to_owned()));
        assert!(call(&["no-such-command"], "").is_err());
    }
}
