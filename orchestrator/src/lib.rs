//! igentai orchestrator.
