//! The store in one local file.
