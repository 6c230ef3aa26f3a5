//! How something comes along that takes a while: on stderr, for people.

use std::io::{self, IsTerminal as _, Write as _};

/// Tells on stderr how something comes along: in one line that changes, if that is a terminal, and in one line for each
/// step otherwise.
#[derive(Debug)]
pub(crate) struct Progress {
    is_terminal: bool,
    told: String,
}

// === impl Progress ===

impl Progress {
    pub(crate) fn start() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            told: String::new(),
        }
    }

    /// Says how it is at the moment, unless that was said last.
    pub(crate) fn tell(&mut self, step: &str) {
        if self.told == step {
            return;
        }
        self.write(step);
        step.clone_into(&mut self.told);
    }

    /// Says how it ended.
    pub(crate) fn end(mut self, step: &str) {
        self.tell(step);
        if self.is_terminal {
            let _unheard = writeln!(io::stderr());
        }
    }

    fn write(&self, step: &str) {
        // Nobody is left to be told when stderr is gone.
        let _unheard = if self.is_terminal {
            // Back to the start of the line, whose rest is cleared.
            write!(io::stderr(), "\r\x1b[Kquorate: {step}")
        } else {
            writeln!(io::stderr(), "quorate: {step}")
        };
    }
}
