//! igentai producer.

pub mod provider;
