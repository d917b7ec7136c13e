//! Addresses of services.

use std::fmt;

use url::Url;

use super::mask::MASK;

/// The address of a broker or a store, which may contain a password: it can be used, and shows itself without the password.
#[derive(Clone, PartialEq, Eq)]
pub struct ServiceUrl(Url);

impl ServiceUrl {
    /// Checks that it is an address with a host and one of the schemes; `None` if it is not.
    #[must_use]
    pub fn parse(text: &str, schemes: &[&str]) -> Option<Self> {
        let url = plain_url(text)?;
        (schemes.contains(&url.scheme()) && url.host_str().is_some_and(|host| !host.is_empty()))
            .then_some(Self(url))
    }

    /// What stands behind the host.
    pub(super) fn path(&self) -> &str {
        self.0.path()
    }

    /// The whole address, for the client library.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.0.scheme())?;
        match (self.0.username(), self.0.password()) {
            ("", None) => {}
            (user, None) => write!(f, "{user}@")?,
            (user, Some(_)) => write!(f, "{user}:{MASK}@")?,
        }
        f.write_str(self.0.host_str().unwrap_or_default())?;
        if let Some(port) = self.0.port() {
            write!(f, ":{port}")?;
        }
        f.write_str(self.0.path())?;
        if self.0.query().is_some() { write!(f, "?{MASK}") } else { Ok(()) }
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a base URL has to be, as a sentence's end.
const BASE_URL_RULE: &str = "must be an address such as http://127.0.0.1:8000/v1: http or https, a host, no user or password, no ? or #";

/// Ends of the addresses that requests go to, which are often copied whole.
const REQUEST_PATHS: [&str; 6] =
    ["/chat/completions", "/completions", "/responses", "/messages", "/api/chat", "/api/generate"];

/// An HTTP address without its trailing slash; or what it has to be, as a sentence's end.
pub(super) fn base_url(text: &str) -> Result<String, String> {
    let address = http_address(text).ok_or(BASE_URL_RULE)?;
    match REQUEST_PATHS.iter().find(|path| address.ends_with(*path)) {
        Some(path) => Err(format!("must end before {path}, which is added to every request")),
        None => Ok(address),
    }
}

fn http_address(text: &str) -> Option<String> {
    let url = plain_url(text)?;
    let fits = matches!(url.scheme(), "http" | "https")
        && url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    // The parser hides an empty user; what is before an `@` must not be there at all.
    let authority = text.split("://").nth(1)?.split('/').next()?;
    (fits && !authority.contains('@')).then(|| url.as_str().trim_end_matches('/').to_owned())
}

/// Parses without the leniency of browsers: `scheme://`, no white space, no backslash.
fn plain_url(text: &str) -> Option<Url> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
    let (_, rest) = text.split_once("://")?;
    if text.contains(odd) || rest.is_empty() || rest.starts_with('/') {
        return None;
    }
    Url::parse(text).ok()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_loses_its_trailing_slashes() {
        assert_eq!(base_url("http://127.0.0.1:8000/v1/").unwrap(), "http://127.0.0.1:8000/v1");
        assert_eq!(base_url("HTTPS://Api.Example.com//").unwrap(), "https://api.example.com");
        assert_eq!(base_url("http://[::1]:8000").unwrap(), "http://[::1]:8000");
    }

    #[test]
    fn a_base_url_with_credentials_or_without_a_host_is_refused() {
        for bad in [
            "",
            "localhost:8000",
            "http://",
            "http:///v1",
            "http:x",
            "ftp://x",
            "http://u:p@x",
            "http://u@x",
            "http://@x",
            "http://x?key=1",
            "http://x#y",
            "http://x y",
            "http://x:99999",
            "http:\\\\x",
            "http://x\n",
        ] {
            assert_eq!(base_url(bad), Err(BASE_URL_RULE.to_owned()), "{bad:?}");
        }
    }

    #[test]
    fn a_base_url_that_was_copied_with_the_path_of_the_request_is_refused() {
        for (bad, path) in [
            ("http://x/v1/chat/completions", "/chat/completions"),
            ("http://x/v1/chat/completions/", "/chat/completions"),
            ("http://x:11434/api/chat", "/api/chat"),
            ("https://x/v1/messages", "/messages"),
        ] {
            let rule = format!("must end before {path}, which is added to every request");
            assert_eq!(base_url(bad), Err(rule), "{bad}");
        }
        assert!(base_url("http://chat/completions.d/v1").is_ok());
    }

    #[test]
    fn a_service_url_shows_itself_without_its_password() {
        let url =
            ServiceUrl::parse("amqp://igentai:s3cr%2ft@broker:5673/%2f?frame_max=1", &["amqp"]).unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "amqp://igentai:***@broker:5673/%2f?*** ".to_owned() + &url.to_string()
        );
        assert_eq!(url.expose(), "amqp://igentai:s3cr%2ft@broker:5673/%2f?frame_max=1");
        assert_eq!(
            ServiceUrl::parse("redis://:pw@[::1]/0", &["redis"]).unwrap().to_string(),
            "redis://:***@[::1]/0"
        );
        assert_eq!(ServiceUrl::parse("http://x", &["redis", "rediss"]), None);
        assert_eq!(ServiceUrl::parse("redis:///0", &["redis"]), None);
    }
}
