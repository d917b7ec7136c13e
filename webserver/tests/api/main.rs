//! The API over real HTTP.
mod support;
