//! `igentai run`: everything in one process.
