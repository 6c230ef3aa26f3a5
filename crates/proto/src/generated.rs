//! The generated code, in modules as its packages nest: it refers from one package to the other by `super`.
#![allow(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    clippy::wildcard_enum_match_arm,
    reason = "generated code, held to the generator's standards"
)]

pub mod cluster {
    pub mod v1 {
        include!("gen/quorate.cluster.v1.rs");
    }
}

pub mod peer {
    pub mod v1 {
        include!("gen/quorate.peer.v1.rs");
    }
}

pub mod registry {
    pub mod v1 {
        include!("gen/quorate.registry.v1.rs");
    }
}
