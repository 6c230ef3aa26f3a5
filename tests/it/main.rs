//! Tests that need more than one crate: of the tree itself, and of whole clusters.

mod architecture;
mod dependencies;
mod documents;
mod links;
mod tidy;
mod tree;
