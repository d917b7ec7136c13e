//! The page: a handful of files that ship inside the binary. No build step, nothing from outside.

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use xxhash_rust::xxh3::xxh3_64;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Path, content type and content.
const FILES: &[(&str, &str, &[u8])] = &[
    ("/", HTML, include_bytes!("../page/index.html")),
    ("/page/app.js", SCRIPT, include_bytes!("../page/app.js")),
    ("/page/topic.js", SCRIPT, include_bytes!("../page/topic.js")),
    ("/page/decisions.js", SCRIPT, include_bytes!("../page/decisions.js")),
    ("/page/parts.js", SCRIPT, include_bytes!("../page/parts.js")),
    ("/page/quote.js", SCRIPT, include_bytes!("../page/quote.js")),
    ("/page/recent.js", SCRIPT, include_bytes!("../page/recent.js")),
    ("/page/feed.js", SCRIPT, include_bytes!("../page/feed.js")),
    ("/page/chart.js", SCRIPT, include_bytes!("../page/chart.js")),
    ("/page/form.js", SCRIPT, include_bytes!("../page/form.js")),
    ("/page/api.js", SCRIPT, include_bytes!("../page/api.js")),
    ("/page/style.css", STYLE, include_bytes!("../page/style.css")),
    ("/page/icon.svg", "image/svg+xml", include_bytes!("../page/icon.svg")),
    ("/page/vendor/preact.js", SCRIPT, include_bytes!("../page/vendor/preact.js")),
    ("/page/vendor/uplot.js", SCRIPT, include_bytes!("../page/vendor/uplot.js")),
    ("/page/vendor/uplot.css", STYLE, include_bytes!("../page/vendor/uplot.css")),
    ("/page/vendor/LICENSES.txt", TEXT, include_bytes!("../page/vendor/LICENSES.txt")),
];

/// The routes of the page.
pub(crate) fn router() -> Router {
    FILES.iter().fold(Router::new(), |router, (path, content_type, content)| {
        let etag = format!("\"{:016x}\"", xxh3_64(content));
        let answer = async move |headers: HeaderMap| file(&headers, &etag, content_type, content);
        router.route(path, get(answer))
    })
}

fn file(headers: &HeaderMap, etag: &str, content_type: &'static str, content: &'static [u8]) -> Response {
    let validators = [(ETAG, etag), (CACHE_CONTROL, "no-cache")];
    let known = headers.get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|tag| tag.trim() == etag)) {
        return (StatusCode::NOT_MODIFIED, validators).into_response();
    }
    (validators, [(CONTENT_TYPE, content_type)], content).into_response()
}
