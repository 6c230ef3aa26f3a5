//! Enums without data that are the same in memory and frozen.

/// Declares that two enums without data are the same, variant by variant.
macro_rules! mirror {
    ($memory:ident, $frozen:ident: $($variant:ident),*) => {
        impl From<$memory> for $frozen {
            fn from(value: $memory) -> Self {
                match value { $($memory::$variant => Self::$variant,)* }
            }
        }

        impl From<$frozen> for $memory {
            fn from(value: $frozen) -> Self {
                match value { $($frozen::$variant => Self::$variant,)* }
            }
        }
    };
}

pub(super) use mirror;
