//! What the roles of igentai share.
