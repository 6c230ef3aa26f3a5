//! Sets of the states that instances may have.

use std::fmt;

use crate::{Availability, Health};

/// Declares a set of the words of a small enum, as bits: it is copied with every question.
macro_rules! word_set {
    ($(#[$doc:meta])* $name:ident of $word:ident { $($variant:ident)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name(u8);

        impl $name {
            const WORDS: &[$word] = &[$($word::$variant),*];

            const fn bit(word: $word) -> u8 {
                // Exhaustive, so that a new word cannot be left out of the set.
                match word {
                    $($word::$variant => 1 << $word::$variant as u8,)*
                }
            }

            /// These and `word`.
            #[must_use]
            pub const fn with(self, word: $word) -> Self {
                Self(self.0 | Self::bit(word))
            }

            /// Whether `word` is among them.
            pub const fn contains(self, word: $word) -> bool {
                self.0 & Self::bit(word) != 0
            }

            /// Whether there are none.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// Goes through them in order.
            pub fn iter(self) -> impl Iterator<Item = $word> {
                Self::WORDS.iter().copied().filter(move |word| self.contains(*word))
            }
        }

        impl FromIterator<$word> for $name {
            fn from_iter<I: IntoIterator<Item = $word>>(words: I) -> Self {
                words.into_iter().fold(Self::default(), Self::with)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_set().entries(self.iter()).finish()
            }
        }
    };
}

word_set! {
    /// The health that instances may have.
    HealthSet of Health { Passing Warning Critical Unknown }
}

word_set! {
    /// The availability that instances may have.
    AvailabilitySet of Availability { Enabled Draining Disabled }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_into_it() {
        for word in HealthSet::WORDS {
            let alone = HealthSet::default().with(*word);
            assert_eq!(alone.iter().collect::<Vec<_>>(), [*word]);
            assert!(!alone.is_empty());
        }
        let some: AvailabilitySet = [Availability::Disabled, Availability::Enabled].into_iter().collect();
        assert!(some.contains(Availability::Enabled) && !some.contains(Availability::Draining));
        assert_eq!(format!("{some:?}"), "{Enabled, Disabled}");
        assert!(HealthSet::default().is_empty());
    }
}
