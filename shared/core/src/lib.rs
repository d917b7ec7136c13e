//! The decisions of igentai.

pub mod folder;
pub mod key;
