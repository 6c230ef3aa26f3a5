//! Selectors: conditions on metadata.

use std::{fmt, str::FromStr};

use crate::{InvalidValue, Metadata, MetadataKey, MetadataValue, error::check_count, limits};

/// A condition on metadata, written `k=v`, `k!=v`, `k` or `!k`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Selector {
    /// `k=v`: the key is there with this value.
    Equals(MetadataKey, MetadataValue),
    /// `k!=v`: the key is not there, or with another value.
    Differs(MetadataKey, MetadataValue),
    /// `k`: the key is there.
    Present(MetadataKey),
    /// `!k`: the key is not there.
    Absent(MetadataKey),
}

/// Conditions that must all hold: at most [`limits::SELECTORS_MAX`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Selectors(Vec<Selector>);

// === impl Selector ===

impl Selector {
    /// Whether `metadata` meets the condition.
    pub fn matches(&self, metadata: &Metadata) -> bool {
        match self {
            Self::Equals(key, value) => metadata.get(key) == Some(value),
            Self::Differs(key, value) => metadata.get(key) != Some(value),
            Self::Present(key) => metadata.get(key).is_some(),
            Self::Absent(key) => metadata.get(key).is_none(),
        }
    }
}

impl FromStr for Selector {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        // No key contains `!` or `=`: the first `=` ends the key, and a value may contain both.
        if let Some((key, value)) = text.split_once('=') {
            return match key.strip_suffix('!') {
                Some(key) => Ok(Self::Differs(key.parse()?, value.parse()?)),
                None => Ok(Self::Equals(key.parse()?, value.parse()?)),
            };
        }
        match text.strip_prefix('!') {
            Some(key) => Ok(Self::Absent(key.parse()?)),
            None => Ok(Self::Present(text.parse()?)),
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(key, value) => write!(f, "{key}={value}"),
            Self::Differs(key, value) => write!(f, "{key}!={value}"),
            Self::Present(key) => write!(f, "{key}"),
            Self::Absent(key) => write!(f, "!{key}"),
        }
    }
}

// === impl Selectors ===

impl Selectors {
    /// Parses selectors, each as written on a command line.
    pub fn parse<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Result<Self, InvalidValue> {
        let selectors: Result<Vec<Selector>, InvalidValue> =
            texts.into_iter().map(|text| text.as_ref().parse()).collect();
        Self::try_from(selectors?)
    }

    /// Whether `metadata` meets every condition.
    pub fn matches(&self, metadata: &Metadata) -> bool {
        self.0.iter().all(|selector| selector.matches(metadata))
    }

    /// The conditions.
    pub fn as_slice(&self) -> &[Selector] {
        &self.0
    }
}

impl TryFrom<Vec<Selector>> for Selectors {
    type Error = InvalidValue;

    fn try_from(selectors: Vec<Selector>) -> Result<Self, InvalidValue> {
        check_count("metadata selectors", selectors.len(), limits::SELECTORS_MAX)?;
        Ok(Self(selectors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(selector: &str, entries: &[(&str, &str)]) -> bool {
        let metadata = Metadata::parse(entries.iter().copied()).unwrap();
        selector.parse::<Selector>().unwrap().matches(&metadata)
    }

    #[test]
    fn the_four_forms_match() {
        let entries = [("env", "prod"), ("empty", "")];
        for (selector, expected) in [
            ("env=prod", true),
            ("env=test", false),
            ("zone=a", false),
            ("empty=", true),
            ("env!=test", true),
            ("env!=prod", false),
            ("zone!=a", true),
            ("env", true),
            ("zone", false),
            ("!zone", true),
            ("!env", false),
        ] {
            assert_eq!(meets(selector, &entries), expected, "{selector}");
        }
    }

    #[test]
    fn a_value_may_contain_the_operators() {
        assert!(meets("k=a=b!=c", &[("k", "a=b!=c")]));
        assert!(meets("k==v", &[("k", "=v")]));
    }

    #[test]
    fn selectors_show_as_they_are_written() {
        for text in ["k=v", "k!=v", "k", "!k", "k="] {
            assert_eq!(text.parse::<Selector>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn selectors_without_a_key_are_refused() {
        for bad in ["", "=v", "!=v", "!", "!k=v", "!!k", "a b"] {
            assert!(bad.parse::<Selector>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn up_to_64_selectors() {
        assert!(Selectors::parse(vec!["k"; 64]).is_ok());
        assert!(Selectors::parse(vec!["k"; 65]).is_err());
    }
}
