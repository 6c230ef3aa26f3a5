//! The `quorate` command: a server, a cluster to develop against, and every client verb.

mod args;
mod dev;
mod failure;
mod output;
mod signals;
mod usage;
mod verbs;

use std::process::ExitCode;

use clap::Parser as _;

use args::Cli;

fn main() -> ExitCode {
    let done = match Cli::try_parse() {
        Ok(cli) => verbs::run(cli),
        Err(error) => usage::explain(&error),
    };
    done.unwrap_or_else(|failure| {
        output::say(one_line(&failure.to_string()));
        failure.exit_code()
    })
}

/// An error is one line, whatever a member or a file name put into it.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
