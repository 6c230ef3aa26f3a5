//! The wire contract: generated code, conversions and the error table
