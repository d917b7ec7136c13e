//! A world that scripted models speak of: what there is, who knows what, and what they say when they are asked.

pub mod taxonomy;
