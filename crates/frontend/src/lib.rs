//! Protocol translators: each speaks one protocol and decides nothing
