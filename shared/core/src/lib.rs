//! The decisions of igentai.

pub mod answer;
pub mod folder;
pub mod key;
