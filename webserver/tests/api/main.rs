//! The API over real HTTP on loopback, with registry and bus in memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail loudly")]

mod changes;
mod client;
mod cursors;
mod dead_letters;
mod documents;
mod edges;
mod leader;
mod reading;
mod refusals;
mod starts;
mod streams;
mod support;
