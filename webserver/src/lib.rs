//! igentai webserver.
