//! Results in a row.

use quorate_model::{Pace, Verdict};

/// How many results of the same kind there were in a row, up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Streak {
    verdict: Option<Verdict>,
    /// As many as there may have to be, at most.
    results: u8,
}

// === impl Streak ===

impl Streak {
    /// Takes note of a result, and answers what it comes to, if it was one of enough in a row.
    pub(super) fn add(&mut self, is_good: bool, pace: Pace) -> Option<Verdict> {
        let (verdict, needed) = if is_good {
            (Verdict::Passing, pace.rise())
        } else {
            (Verdict::Critical, pace.fall())
        };
        if self.verdict == Some(verdict) {
            self.results = self.results.saturating_add(1);
        } else {
            *self = Self {
                verdict: Some(verdict),
                results: 1,
            };
        }
        (self.results >= needed).then_some(verdict)
    }

    /// Forgets what there was.
    pub(super) fn restart(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use quorate_model::PaceParts;

    use super::*;

    fn verdicts(rise: u32, fall: u32, results: &str) -> String {
        let pace = Pace::new(PaceParts {
            rise,
            fall,
            ..PaceParts::default()
        })
        .unwrap();
        let mut streak = Streak::default();
        let verdict = |result| match streak.add(result == '+', pace) {
            Some(Verdict::Passing) => 'P',
            Some(Verdict::Critical) => 'C',
            Some(Verdict::Warning) | None => '.',
        };
        results.chars().map(verdict).collect()
    }

    #[test]
    fn so_many_results_in_a_row_decide() {
        assert_eq!(verdicts(2, 3, "++---+++"), ".P..C.PP");
        assert_eq!(verdicts(1, 1, "+-+"), "PCP");
        assert_eq!(verdicts(2, 3, "--+--+--+"), ".........");
        assert_eq!(
            verdicts(10, 10, &"-".repeat(300)),
            format!(".........{}", "C".repeat(291))
        );
    }

    #[test]
    fn a_restart_begins_at_nothing() {
        let mut streak = Streak::default();
        streak.add(false, Pace::default());
        streak.restart();
        assert_eq!(streak, Streak::default());
    }
}
