//! The store over Redis.
