//! The `quorate` command: a server, a cluster to develop against, and every client verb.

mod args;
mod dev;
mod failure;
mod output;
mod usage;
mod verbs;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

use args::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::explain(&error),
    };
    verbs::run(cli).unwrap_or_else(|failure| {
        // Nobody is left to be told when stderr is gone.
        let _unheard = writeln!(io::stderr(), "quorate: {}", one_line(&failure.to_string()));
        failure.exit_code()
    })
}

/// An error is one line, whatever a member or a file name put into it.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
