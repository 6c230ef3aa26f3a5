//! A node in this process.

use std::{io, process::ExitCode};

use quorate_server::Config;

use crate::{args::ServerArgs, failure::Failure, output};

pub(super) fn run(args: &ServerArgs) -> Result<ExitCode, Failure> {
    if let Some(parent) = args.die_with_parent {
        die_with(parent)?;
    }
    let config =
        Config::load(args.config.as_deref(), &args.overrides()).map_err(|error| Failure::Usage(error.to_string()))?;
    if args.check_config {
        output::write(&mut io::stdout(), b"the configuration is right\n")?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(quorate_server::run(&config))
}

/// Lets the kernel kill this process when its parent dies, however that happens.
#[cfg(target_os = "linux")]
fn die_with(parent: i32) -> Result<(), Failure> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| Failure::Failed(format!("the kernel does not watch the parent process: {error}")))?;
    // It may have died before the kernel was asked.
    if getppid().is_some_and(|found| found.as_raw_nonzero().get() == parent) {
        return Ok(());
    }
    Err(Failure::Failed("the parent process is gone already".to_owned()))
}

/// Other kernels do not watch parents: there, only an orderly end of the parent is one of this process too.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: i32) -> Result<(), Failure> {
    Ok(())
}
