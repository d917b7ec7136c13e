//! The real program as real processes: over a real RabbitMQ and a real Redis, against a stand-in for a model service, killed at bad moments.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod categories;
mod changed;
mod checks;
mod damaged;
mod decisions;
mod distributed;
mod embedded;
mod emptied;
mod healing;
mod history;
mod interrupted;
mod judging;
mod leaders;
mod limits;
mod measuring;
mod older;
mod parts;
mod poison;
mod put_back;
mod quotes;
mod refusals;
mod refused;
mod registries;
mod routing;
mod seeds;
mod serving;
mod standing;
mod stats;
mod stopping;
mod supervised;
mod unwritable;
mod unwritten;
mod waiting;
mod world;
