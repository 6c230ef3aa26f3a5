//! How long this member has led: for so long it has listened to the others.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use quorate_model::Term;

/// Since when this member leads, as far as anybody has looked.
#[derive(Debug, Default)]
pub(super) struct Tenure {
    /// Held for a look, never across an await.
    began: Mutex<Option<(Term, Duration)>>,
}

// === impl Tenure ===

impl Tenure {
    /// How long this member, which leads in `term`, has done so: since the first look in that term.
    pub(super) fn length(&self, term: Term, now: Duration) -> Duration {
        let mut began = self.began.lock().unwrap_or_else(PoisonError::into_inner);
        match *began {
            Some((known, at)) if known == term => now.saturating_sub(at),
            Some(_) | None => {
                *began = Some((term, now));
                Duration::ZERO
            }
        }
    }

    /// Notes that this member does not lead.
    pub(super) fn end(&self) {
        *self.began.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenure_begins_anew_with_each_term_and_after_each_end() {
        let (tenure, second) = (Tenure::default(), Duration::from_secs);
        let term = Term::new;
        assert_eq!(tenure.length(term(1), second(10)), second(0));
        assert_eq!(tenure.length(term(1), second(15)), second(5));
        assert_eq!(tenure.length(term(2), second(16)), second(0));
        tenure.end();
        assert_eq!(tenure.length(term(2), second(20)), second(0));
    }
}
