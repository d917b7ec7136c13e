//! Configuration: flags over environment over one file.

pub mod providers;
