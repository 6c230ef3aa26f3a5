//! Answers, as JSON for programs and as tables for people.

use std::io::{self, Write};

use serde::Serialize;

use crate::{args::OutputFormat, failure::Failure};

mod json;
mod table;

pub(crate) use json::{ChangedView, DeregisteredView, InstancesView, RegisteredView, ServicesView, StatusView};

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

/// Writes all of it. A reader that has seen enough and closed its end is no failure.
pub(crate) fn write(out: &mut impl Write, bytes: &[u8]) -> Result<(), Failure> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::Failed(format!("the answer cannot be written: {error}")))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;
