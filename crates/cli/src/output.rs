//! Answers, as JSON for programs and as tables for people; and what is said beside them.

use std::{
    fmt::Display,
    io::{self, Write},
};

use serde::Serialize;

use crate::{args::OutputFormat, failure::Failure};

mod bench;
mod checks;
mod guard;
mod json;
mod lease;
mod members;
mod operator;
mod progress;
mod snapshot;
mod table;

pub(crate) use bench::{FiguresView, FindMaxView};
pub(crate) use guard::{GuardDroppedView, GuardRaisedView, GuardsView};
pub(crate) use json::{
    ChangedView, DeregisteredView, InstancesView, PickedView, RegisteredView, ServicesView, StatusView,
};
pub(crate) use lease::{KeptView, LeaseView, LeasesView};
pub(crate) use snapshot::SnapshotView;

pub(crate) use members::{AddedView, DoneView, MembersView, RemovedView, TransferredView};
pub(crate) use operator::{OverrideClearedView, OverrideSetView, OverridesView, SettingsSetView, SettingsView};
pub(crate) use progress::Progress;

/// An answer that can be printed.
pub(crate) trait View: Serialize {
    /// For people: lines of text, the last one without its end.
    fn table(&self) -> String;
}

/// Prints an answer on stdout.
pub(crate) fn print(view: &impl View, format: OutputFormat) -> Result<(), Failure> {
    let mut text = match format {
        OutputFormat::Table => view.table(),
        OutputFormat::Json => json(view),
    };
    text.push('\n');
    write(&mut io::stdout(), text.as_bytes())
}

fn json(view: &impl View) -> String {
    serde_json::to_string_pretty(view).expect("a view has text keys and plain values only")
}

/// Writes all of it.
pub(crate) fn write(out: &mut impl Write, bytes: &[u8]) -> Result<(), Failure> {
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// What came of writing an answer. A reader that has seen enough and closed its end is no failure.
pub(crate) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("the answer cannot be written: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Says something on stderr, in a line of its own.
pub(crate) fn say(text: impl Display) {
    // Nobody is left to be told when stderr is gone.
    let _unheard = writeln!(io::stderr(), "quorate: {text}");
}

#[cfg(test)]
mod tests;
