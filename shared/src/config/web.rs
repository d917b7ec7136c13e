//! `[web]`: the page and the API.

use std::net::{IpAddr, Ipv4Addr};

use super::reader::Section;

/// Where HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// The port of the page and the API; 0 picks one. The variable `PORT` sets it too.
    pub port: u16,
    /// The address that every role binds its HTTP port to.
    pub bind: IpAddr,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self { port: 8_080, bind: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }
}

impl WebConfig {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let default = Self::default();
        let allowed =
            "must be an IP address: 127.0.0.1 for this machine only, 0.0.0.0 or :: for every network";
        let config = Self {
            port: section.whole("port", 0..=65_535, default.port),
            bind: section.parsed("bind", allowed, |text| text.parse().ok()).unwrap_or(default.bind),
        };
        section.finish();
        config
    }
}
