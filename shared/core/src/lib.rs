//! The decisions of igentai.

pub mod key;
