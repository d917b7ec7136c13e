//! The decisions of igentai.
