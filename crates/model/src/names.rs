//! Names and other short texts: immutable, cheap to clone, valid once they exist.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{InvalidValue, limits};

/// What a text may be.
struct Rule {
    len_min: usize,
    /// In bytes, which are characters where the alphabet is ASCII.
    len_max: usize,
    allows: fn(char) -> bool,
    /// The alphabet in words, for messages.
    alphabet: &'static str,
}

const NAME: Rule = Rule {
    len_min: 1,
    len_max: limits::NAME_LEN_MAX,
    allows: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'),
    alphabet: "characters of A-Z a-z 0-9 . _ -",
};

const SHORT_NAME: Rule = Rule {
    len_max: limits::SHORT_NAME_LEN_MAX,
    ..NAME
};

const OWNER: Rule = Rule {
    len_min: 1,
    len_max: limits::OWNER_LEN_MAX,
    allows: |c| !c.is_control(),
    alphabet: "bytes of UTF-8 without control characters",
};

const TAG: Rule = Rule {
    len_max: limits::TAG_LEN_MAX,
    ..OWNER
};

const VERSION: Rule = Rule {
    len_min: 1,
    len_max: limits::VERSION_LEN_MAX,
    allows: |c| c.is_ascii_graphic(),
    alphabet: "printable ASCII characters without spaces",
};

const METADATA_KEY: Rule = Rule {
    len_min: 1,
    len_max: limits::METADATA_KEY_LEN_MAX,
    allows: |c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/' | ':'),
    alphabet: "characters of A-Z a-z 0-9 . _ - / :",
};

const METADATA_VALUE: Rule = Rule {
    len_min: 0,
    len_max: limits::METADATA_LEN_MAX,
    allows: |c| !c.is_control() || matches!(c, '\t' | '\n'),
    alphabet: "bytes of UTF-8 without control characters other than tab and newline",
};

impl Rule {
    fn check(&self, what: &'static str, text: &str) -> Result<(), InvalidValue> {
        let refused = |found: String| {
            let Self {
                len_min,
                len_max,
                alphabet,
                ..
            } = self;
            InvalidValue::new(what, format!("{found}; allowed are {len_min}–{len_max} {alphabet}"))
        };
        if text.len() < self.len_min {
            return Err(refused("it is empty".to_owned()));
        }
        if text.len() > self.len_max {
            return Err(refused(format!("it is {} bytes long", text.len())));
        }
        match text.chars().find(|c| !(self.allows)(*c)) {
            Some(found) => Err(refused(format!("it contains {found:?}"))),
            None => Ok(()),
        }
    }
}

/// Declares a text type that follows a [`Rule`].
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Arc<str>", into = "Arc<str>")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<Arc<str>> for $name {
            type Error = InvalidValue;

            fn try_from(text: Arc<str>) -> Result<Self, InvalidValue> {
                $rule.check($what, &text)?;
                Ok(Self(text))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = InvalidValue;

            fn try_from(text: &str) -> Result<Self, InvalidValue> {
                $rule.check($what, text)?;
                Ok(Self(text.into()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidValue;

            fn try_from(text: String) -> Result<Self, InvalidValue> {
                Self::try_from(text.as_str())
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                Self::try_from(text)
            }
        }

        impl From<$name> for Arc<str> {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0.as_ref().into()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name! {
    /// A realm of services of their own; "default" unless told otherwise.
    NamespaceName, "namespace name", NAME
}

name! {
    /// The name of a service within its namespace.
    ServiceName, "service name", NAME
}

name! {
    /// The id of an instance within its service.
    InstanceId, "instance id", NAME
}

name! {
    /// A failure domain, for example a data centre.
    ZoneName, "zone name", SHORT_NAME
}

name! {
    /// A group of zones.
    RegionName, "region name", SHORT_NAME
}

name! {
    /// What an endpoint speaks, for example "grpc" or "http".
    ProtocolName, "protocol name", SHORT_NAME
}

name! {
    /// Who stands behind a registration: stable over restarts and opaque, for example a pod's name.
    Owner, "owner", OWNER
}

name! {
    /// The version of the software behind an instance, often but not necessarily a semantic version.
    Version, "version", VERSION
}

name! {
    /// A label that an instance has or has not.
    Tag, "tag", TAG
}

name! {
    /// The key of an entry of an instance's metadata.
    MetadataKey, "metadata key", METADATA_KEY
}

name! {
    /// The value of an entry of an instance's metadata; may be empty.
    MetadataValue, "metadata value", METADATA_VALUE
}

// === impl NamespaceName ===

impl Default for NamespaceName {
    fn default() -> Self {
        Self("default".into())
    }
}

// === impl ServiceName ===

impl ServiceName {
    /// The name that sorts before all others: where a scan of a namespace starts.
    #[must_use]
    pub fn lowest() -> Self {
        Self("-".into())
    }
}
