//! The decisions of igentai: pure, synchronous, without clock, I/O or logging.
//!
//! Statistics and events go in; decisions come out together with their reason. Time and randomness are arguments, collections
//! are ordered, so the same inputs always give the same decisions.

pub mod answer;
pub mod batch;
pub mod command;
pub mod coordinator;
pub mod cost;
pub mod decision;
pub mod effect;
pub mod estimate;
pub mod filter;
pub mod fold;
pub mod folder;
pub mod frontier;
pub mod gate;
pub mod ids;
pub mod judging;
pub mod key;
pub mod lease;
pub mod log;
pub mod numbers;
pub mod phrasing;
pub mod quote;
pub mod routing;
pub mod rules;
pub mod seeded;
pub mod status;
pub mod supervise;
pub mod time;
pub mod topic;
pub mod worker;
