//! Requirements on the version of an instance.

use std::{fmt, str::FromStr};

use crate::{InvalidValue, Version, limits};

/// What a version must be: exactly a text, or within a range of semantic versions.
///
/// A range starts with one of `= < > ~ ^ *`; anything else is taken literally. A version that is not
/// semantic is never within a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VersionRequirement(Repr);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Repr {
    Exact(Version),
    Range(semver::VersionReq),
}

const RANGE_STARTS: [char; 6] = ['=', '<', '>', '~', '^', '*'];

// === impl VersionRequirement ===

impl VersionRequirement {
    /// Whether `version` is as required.
    pub fn matches(&self, version: &Version) -> bool {
        match &self.0 {
            Repr::Exact(required) => required == version,
            Repr::Range(range) => semver::Version::parse(version.as_str()).is_ok_and(|version| range.matches(&version)),
        }
    }
}

impl From<Version> for VersionRequirement {
    fn from(version: Version) -> Self {
        Self(Repr::Exact(version))
    }
}

impl FromStr for VersionRequirement {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if !text.starts_with(RANGE_STARTS) {
            return Ok(Version::try_from(text)?.into());
        }
        let refused = |problem: String| InvalidValue::new("version requirement", problem);
        let (len, max) = (text.len(), limits::VERSION_REQUIREMENT_LEN_MAX);
        if len > max {
            return Err(refused(format!("{len} bytes are over the limit of {max}")));
        }
        semver::VersionReq::parse(text)
            .map(|range| Self(Repr::Range(range)))
            .map_err(|error| refused(format!("{text:?} is not a range of semantic versions: {error}")))
    }
}

impl TryFrom<&str> for VersionRequirement {
    type Error = InvalidValue;

    fn try_from(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl TryFrom<String> for VersionRequirement {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, InvalidValue> {
        text.parse()
    }
}

impl fmt::Display for VersionRequirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Exact(version) => version.fmt(f),
            Repr::Range(range) => range.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meets(requirement: &str, version: &str) -> bool {
        let requirement: VersionRequirement = requirement.parse().unwrap();
        requirement.matches(&version.parse().unwrap())
    }

    #[test]
    fn without_an_operator_it_is_taken_literally() {
        assert!(meets("1.2.3", "1.2.3"));
        assert!(!meets("1.2.3", "1.2.4"));
        assert!(!meets("1.2", "1.2.0"));
        assert!(meets("release-7", "release-7"));
        assert!(meets("v1.2.3", "v1.2.3"));
    }

    #[test]
    fn ranges_compare_semantic_versions() {
        for (range, version, expected) in [
            ("=1.2.3", "1.2.3", true),
            ("<2.0.0", "1.9.9", true),
            ("<2.0.0", "2.0.0", false),
            (">=1.2, <1.5", "1.4.9", true),
            (">=1.2, <1.5", "1.5.0", false),
            ("~1.2.3", "1.2.9", true),
            ("~1.2.3", "1.3.0", false),
            ("^1.2.3", "1.9.0", true),
            ("^1.2.3", "2.0.0", false),
            ("*", "7.0.0", true),
            (">1.0.0", "1.10.0", true),
        ] {
            assert_eq!(meets(range, version), expected, "{version} in {range}");
        }
    }

    #[test]
    fn a_version_that_is_not_semantic_is_in_no_range() {
        for range in ["*", ">=0.0.0", "<99", "=1.2"] {
            assert!(!meets(range, "1.2"), "{range}");
            assert!(!meets(range, "v1.2.3"), "{range}");
            assert!(!meets(range, "nightly"), "{range}");
        }
    }

    #[test]
    fn broken_and_overlong_ranges_are_refused() {
        let long = format!(">={}", "1".repeat(limits::VERSION_REQUIREMENT_LEN_MAX));
        for bad in ["", ">", "=x.y", ">=1.2 <1.5", "^^1", "1 2", &long] {
            assert!(bad.parse::<VersionRequirement>().is_err(), "{bad:?}");
        }
    }
}
