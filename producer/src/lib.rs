//! igentai producer: asks models and publishes what they answer.

pub mod pool;
pub mod prompt;
pub mod provider;
