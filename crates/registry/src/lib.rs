//! The application: facade, admission, routing, reads and membership
