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
