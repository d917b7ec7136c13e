//! What the tests of igentai run against: real servers, a scripted model service, and the faults between them.
//!
//! * [`servers`]: a RabbitMQ and a Redis of the test's own, and [`servers::Broker`], which shares one RabbitMQ
//!   between the tests of a run.
//! * [`proxy`]: a TCP proxy that delays, holds, drops, throttles, refuses and resets.
//! * [`model`]: a stand-in for an OpenAI-compatible service, with faults by script and a journal of the truth.
//! * [`process`]: a program under test as a child process.
//! * [`world`]: what the models of an evaluation know, and what they say when asked.
//! * [`poll`]: waiting for a condition with a deadline, the only place where a test may sleep.
//!
//! Every process started here runs in a process group of its own. It ends when its handle is dropped, and also
//! when the test's process is killed: see [`process::Group`].

#![expect(clippy::disallowed_methods, reason = "tests run against the real clock, environment and tasks")]
#![cfg_attr(test, expect(clippy::expect_used, reason = "a test says what it expects"))]

pub mod http;
pub mod model;
pub mod poll;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod servers;
pub mod world;

pub use poll::{DeadlinePassed, eventually, until_some};
pub use ports::free_port;
