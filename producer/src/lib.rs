//! igentai producer.
