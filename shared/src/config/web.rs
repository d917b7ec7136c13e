//! `[web]`: the page and the API.

use std::net::{IpAddr, Ipv4Addr};

use super::reader::Section;

const HOSTS: &str =
    "must be host names without port, separated by commas, for example \"igentai.example.org\"";

/// Where HTTP is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// The port of the page and the API; 0 picks one. The variable `PORT` sets it too.
    pub port: u16,
    /// The address that every role binds its HTTP port to.
    pub bind: IpAddr,
    /// Names besides `localhost` under which a server on a loopback address may be asked, for example behind a proxy.
    pub allowed_hosts: Vec<String>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self { port: 8_080, bind: IpAddr::V4(Ipv4Addr::LOCALHOST), allowed_hosts: Vec::new() }
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
            allowed_hosts: section.parsed("allowed_hosts", HOSTS, host_names).unwrap_or_default(),
        };
        section.finish();
        config
    }
}

fn host_names(text: &str) -> Option<Vec<String>> {
    let fits = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
    };
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect();
    names.iter().all(|name| fits(name)).then_some(names)
}
