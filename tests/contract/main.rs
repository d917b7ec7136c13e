//! What every adapter of a port promises, checked on each of them.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

mod amqp_faults;
mod bus;
mod store;
