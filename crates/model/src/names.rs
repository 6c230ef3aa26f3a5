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

const REASON: Rule = Rule {
    len_max: limits::OVERRIDE_REASON_LEN_MAX,
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

const OUTPUT: Rule = Rule {
    len_max: limits::CHECK_OUTPUT_LEN_MAX,
    ..METADATA_VALUE
};

const PROBE_PATH: Rule = Rule {
    len_min: 1,
    len_max: limits::PROBE_PATH_LEN_MAX,
    allows: |c| c.is_ascii_graphic() && c != '#',
    alphabet: "printable ASCII characters without spaces and #",
};

const HEADER_NAME: Rule = Rule {
    len_min: 1,
    len_max: limits::PROBE_HEADER_NAME_LEN_MAX,
    allows: |c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c),
    alphabet: "characters of A-Z a-z 0-9 ! # $ % & ' * + - . ^ _ ` | ~",
};

const HEADER_VALUE: Rule = Rule {
    len_min: 0,
    len_max: limits::PROBE_HEADER_VALUE_LEN_MAX,
    allows: |c| c.is_ascii_graphic() || c == ' ',
    alphabet: "printable ASCII characters",
};

const BODY_TEXT: Rule = Rule {
    len_min: 1,
    len_max: limits::PROBE_BODY_TEXT_LEN_MAX,
    allows: |c| c != '\0',
    alphabet: "bytes of UTF-8 without NUL",
};

const GRPC_SERVICE: Rule = Rule {
    len_max: limits::PROBE_GRPC_SERVICE_LEN_MAX,
    ..VERSION
};

const CA_PEM: Rule = Rule {
    len_min: 1,
    len_max: limits::PROBE_CA_LEN_MAX,
    allows: |c| c.is_ascii_graphic() || matches!(c, ' ' | '\t' | '\r' | '\n'),
    alphabet: "characters of PEM",
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

/// Takes `other` in place of `own` if they are equal, so that their text is kept once.
pub(crate) fn share<T: PartialEq + Clone>(own: &mut T, other: &T) {
    if own == other {
        other.clone_into(own);
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
    /// A scope of services of their own; "default" unless told otherwise.
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
    /// A word that an instance has or has not.
    Tag, "tag", TAG
}

name! {
    /// Why an operator set an override, for whoever wonders later.
    OverrideReason, "reason of an override", REASON
}

name! {
    /// The key of an entry of an instance's metadata.
    MetadataKey, "metadata key", METADATA_KEY
}

name! {
    /// The value of an entry of an instance's metadata; may be empty.
    MetadataValue, "metadata value", METADATA_VALUE
}

name! {
    /// The name of a check within its instance.
    CheckName, "check name", SHORT_NAME
}

name! {
    /// What the last change of a check's health was told with; may be empty.
    CheckOutput, "output of a check", OUTPUT
}

name! {
    /// The path that an HTTP probe asks for, with its query. Starts with a slash where it is part of a probe.
    ProbePath, "path of a probe", PROBE_PATH
}

name! {
    /// The name of a header that an HTTP probe sends.
    HeaderName, "header name", HEADER_NAME
}

name! {
    /// The value of a header that an HTTP probe sends; may be empty.
    HeaderValue, "header value", HEADER_VALUE
}

name! {
    /// What an HTTP probe looks for in the body of the answer.
    BodyText, "text of a body", BODY_TEXT
}

name! {
    /// The service that a gRPC probe asks for.
    GrpcServiceName, "gRPC service name", GRPC_SERVICE
}

name! {
    /// Certificates in PEM. Whether they are any is seen by whoever uses them.
    CaPem, "certificates", CA_PEM
}

// === impl CheckOutput ===

impl CheckOutput {
    /// The beginning of `text` that fits, with a space in place of each character that is not allowed: whoever was
    /// probed may say anything.
    #[must_use]
    pub fn cut(text: &str) -> Self {
        let mut fits = String::new();
        for character in text.chars() {
            let character = if (OUTPUT.allows)(character) { character } else { ' ' };
            if fits.len() + character.len_utf8() > OUTPUT.len_max {
                break;
            }
            fits.push(character);
        }
        Self(fits.into())
    }
}

impl Default for CheckOutput {
    fn default() -> Self {
        Self("".into())
    }
}

// === impl ProbePath ===

impl Default for ProbePath {
    fn default() -> Self {
        Self("/".into())
    }
}

// === impl NamespaceName ===

impl Default for NamespaceName {
    fn default() -> Self {
        Self("default".into())
    }
}

// === impl ServiceName ===

/// The name that sorts before all others.
const LOWEST: &str = "-";

impl NamespaceName {
    /// The name that sorts before all others: where a scan of everything starts.
    #[must_use]
    pub fn lowest() -> Self {
        Self(LOWEST.into())
    }
}

impl ServiceName {
    /// The name that sorts before all others: where a scan of a namespace starts.
    #[must_use]
    pub fn lowest() -> Self {
        Self(LOWEST.into())
    }
}

impl InstanceId {
    /// The id that sorts before all others: where a scan of a service starts.
    #[must_use]
    pub fn lowest() -> Self {
        Self(LOWEST.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_have_1_to_128_characters() {
        assert!(ServiceName::try_from("").is_err());
        for len in [1, 127, 128] {
            assert!(ServiceName::try_from("a".repeat(len)).is_ok(), "{len}");
            assert!(NamespaceName::try_from("a".repeat(len)).is_ok(), "{len}");
            assert!(InstanceId::try_from("a".repeat(len)).is_ok(), "{len}");
            assert!(MetadataKey::try_from("a".repeat(len)).is_ok(), "{len}");
            assert!(Version::try_from("1".repeat(len)).is_ok(), "{len}");
        }
        let long = "a".repeat(129);
        assert!(ServiceName::try_from(long.as_str()).is_err());
        assert!(NamespaceName::try_from(long.as_str()).is_err());
        assert!(InstanceId::try_from(long.as_str()).is_err());
        assert!(MetadataKey::try_from(long.as_str()).is_err());
        assert!(Version::try_from(long.as_str()).is_err());
    }

    #[test]
    fn short_names_and_owners_have_1_to_64() {
        for len in [1, 64] {
            assert!(ZoneName::try_from("z".repeat(len)).is_ok(), "{len}");
            assert!(RegionName::try_from("z".repeat(len)).is_ok(), "{len}");
            assert!(ProtocolName::try_from("z".repeat(len)).is_ok(), "{len}");
            assert!(Owner::try_from("z".repeat(len)).is_ok(), "{len}");
        }
        for len in [0, 65] {
            assert!(ZoneName::try_from("z".repeat(len)).is_err(), "{len}");
            assert!(RegionName::try_from("z".repeat(len)).is_err(), "{len}");
            assert!(ProtocolName::try_from("z".repeat(len)).is_err(), "{len}");
            assert!(Owner::try_from("z".repeat(len)).is_err(), "{len}");
        }
    }

    #[test]
    fn owners_tags_and_reasons_are_counted_in_bytes() {
        assert!(Owner::try_from("é".repeat(32)).is_ok());
        assert!(Owner::try_from("é".repeat(33)).is_err());
        assert!(Tag::try_from("é".repeat(128)).is_ok());
        assert!(Tag::try_from("é".repeat(128) + "e").is_err());
        assert!(Tag::try_from("").is_err());
        assert!(OverrideReason::try_from("é".repeat(128)).is_ok());
        assert!(OverrideReason::try_from("é".repeat(128) + "e").is_err());
        assert!(OverrideReason::try_from("").is_err());
    }

    #[test]
    fn a_metadata_value_may_be_empty_and_have_lines() {
        for fine in ["", "a\tb\nc", "ü = ☃"] {
            assert!(MetadataValue::try_from(fine).is_ok(), "{fine:?}");
        }
        for bad in ["\0", "a\rb", "\u{7f}", "\u{85}"] {
            assert!(MetadataValue::try_from(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn odd_characters_are_refused() {
        for bad in ["a b", "a/b", "ä", "a\n", "a\0", " ", "a:b", "*"] {
            assert!(ServiceName::try_from(bad).is_err(), "{bad:?}");
        }
        for bad in ["1 0", "1\t", "é"] {
            assert!(Version::try_from(bad).is_err(), "{bad:?}");
        }
        for bad in ["a=b", "!a", "a b", "a\u{e9}"] {
            assert!(MetadataKey::try_from(bad).is_err(), "{bad:?}");
        }
        assert!(MetadataKey::try_from("k8s.io/zone:a-b_c").is_ok());
        assert!(Owner::try_from("a\nb").is_err());
        assert!(Tag::try_from("a\tb").is_err());
    }

    #[test]
    fn the_message_says_what_is_allowed() {
        let message = ServiceName::try_from("a/b").unwrap_err().to_string();
        assert_eq!(
            message,
            "invalid service name: it contains '/'; allowed are 1–128 characters of A-Z a-z 0-9 . _ -"
        );
    }

    #[test]
    fn what_was_probed_may_say_anything_and_is_cut() {
        assert_eq!(CheckOutput::cut("a\0b\u{85}c\td").as_str(), "a b c\td");
        let long = CheckOutput::cut(&"é".repeat(129));
        assert_eq!(long.as_str(), "é".repeat(128));
        assert_eq!(CheckOutput::cut(&format!("a{}", "é".repeat(128))).as_str().len(), 255);
        assert!(CheckOutput::try_from("é".repeat(129)).is_err());
        assert_eq!(CheckOutput::default().as_str(), "");
    }

    #[test]
    fn nothing_of_a_probe_can_end_a_line_of_its_request() {
        for bad in ["/a b", "/a\r\n", "/#a", "/ä", ""] {
            assert!(ProbePath::try_from(bad).is_err(), "{bad:?}");
        }
        for bad in ["a b", "a:", "a\r\nb", "ä", ""] {
            assert!(HeaderName::try_from(bad).is_err(), "{bad:?}");
        }
        for bad in ["a\r\nb", "a\0", "ä"] {
            assert!(HeaderValue::try_from(bad).is_err(), "{bad:?}");
        }
        assert!(HeaderValue::try_from("").is_ok() && HeaderName::try_from("X-A").is_ok());
        assert!(ProbePath::try_from("/a?b=c&d=%20").is_ok());
    }

    proptest! {
        #[test]
        fn any_output_can_be_cut(text in any::<String>()) {
            let cut = CheckOutput::cut(&text);
            prop_assert_eq!(CheckOutput::try_from(cut.as_str()), Ok(cut.clone()));
        }

        #[test]
        fn no_name_sorts_before_the_lowest(name in "[A-Za-z0-9._-]{1,8}") {
            prop_assert!(ServiceName::lowest() <= ServiceName::try_from(name).unwrap());
        }

        #[test]
        fn any_text_parses_or_is_refused(text in any::<String>()) {
            if let Ok(name) = ServiceName::try_from(text.as_str()) {
                prop_assert_eq!(name.as_str(), text);
            }
        }
    }
}
