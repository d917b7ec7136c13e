//! What every request and answer passes: who may ask, and what browsers may do with the answer.

use axum::extract::{Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HOST, HeaderName, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

use crate::problem::{Problem, ProblemKind};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Which host names a server answers to.
#[derive(Clone, Debug)]
pub(crate) struct HostRule {
    /// `None`: all of them.
    pub(crate) allowed: Option<Arc<[String]>>,
}

impl HostRule {
    fn permits(&self, host: Option<&str>) -> bool {
        let (Some(allowed), Some(host)) = (&self.allowed, host) else {
            return true;
        };
        let name = without_port(host).to_ascii_lowercase();
        name == "localhost"
            || name.ends_with(".localhost")
            || name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()
            || allowed.iter().any(|known| known.eq_ignore_ascii_case(&name))
    }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        _ => host,
    }
}

/// Refuses what comes from another origin, and sets the headers of every answer.
pub(crate) async fn guard(State(rule): State<HostRule>, request: Request, next: Next) -> Response {
    let refused = refusal(&rule, &request);
    let mut response = match refused {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    };
    set_headers(response.headers_mut());
    response
}

fn refusal(rule: &HostRule, request: &Request) -> Option<Problem> {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|value| value.to_str().ok())
        .or_else(|| request.uri().authority().map(axum::http::uri::Authority::as_str));
    if !rule.permits(host) {
        let detail = "ask for it as localhost or by its address";
        return Some(Problem::new(ProblemKind::UnknownHost, detail));
    }
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    let origin = request.headers().get(ORIGIN)?;
    if reads || same_origin(origin, host) {
        return None;
    }
    Some(Problem::new(ProblemKind::CrossOrigin, "the Origin header does not name this server"))
}

fn same_origin(origin: &HeaderValue, host: Option<&str>) -> bool {
    let Ok(origin) = origin.to_str() else {
        return false;
    };
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    matches!((authority, host), (Some(authority), Some(host)) if authority.eq_ignore_ascii_case(host))
}

fn set_headers(headers: &mut HeaderMap) {
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(CONTENT_SECURITY_POLICY, POLICY);
    set(X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(REFERRER_POLICY, "no-referrer");
    set(X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_server_answers_to_its_own_names_only() {
        let rule = HostRule { allowed: Some(Arc::from(["tool.example".to_owned()])) };
        for good in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:80",
            "[::1]:8080",
            "[::1]",
            "a.localhost:1",
            "tool.example",
        ] {
            assert!(rule.permits(Some(good)), "{good}");
        }
        for bad in
            ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", ""]
        {
            assert!(!rule.permits(Some(bad)), "{bad}");
        }
    }

    #[test]
    fn an_origin_is_the_same_only_with_name_and_port() {
        let same =
            |origin: &'static str| same_origin(&HeaderValue::from_static(origin), Some("localhost:8080"));
        assert!(same("http://localhost:8080"));
        assert!(same("https://LOCALHOST:8080"));
        for bad in [
            "null",
            "http://localhost",
            "http://localhost:8081",
            "http://evil.example",
            "file://localhost:8080",
        ] {
            assert!(!same(bad), "{bad}");
        }
    }
}
