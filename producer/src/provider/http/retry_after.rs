//! How long a service asks to be left alone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use igentai_core::time::UnixMillis;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// No wait is longer: a service that asks for more is tried once an hour.
pub(super) const LONGEST: Duration = Duration::from_hours(1);

/// The wait in `retry-after-ms` (OpenAI, Anthropic) or else in `Retry-After`, as seconds, with a fraction or without, or as a date.
/// What cannot be read is ignored.
pub(super) fn retry_after(headers: &HeaderMap, now: UnixMillis) -> Option<Duration> {
    let millis = text(headers, "retry-after-ms").and_then(|text| seconds(text, 1e-3));
    let wait = millis.or_else(|| {
        let text = text(headers, RETRY_AFTER.as_str())?;
        seconds(text, 1.0).or_else(|| until_date(text, now))
    });
    wait.map(|wait| wait.min(LONGEST))
}

/// A number of units of so many seconds.
pub(super) fn seconds(number: &str, unit: f64) -> Option<Duration> {
    let number: f64 = number.trim().parse().ok()?;
    let seconds = number * unit;
    // Infinity is garbage; a number too large for a duration is a very long wait.
    (number.is_finite() && number >= 0.0).then(|| Duration::try_from_secs_f64(seconds).unwrap_or(LONGEST))
}

fn until_date(text: &str, now: UnixMillis) -> Option<Duration> {
    let date: SystemTime = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Some(since_epoch.saturating_sub(Duration::from_millis(now.0)))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    fn read(pairs: &[(&'static str, &str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(
                HeaderName::from_static(name),
                HeaderValue::from_str(value).unwrap_or_else(|_| HeaderValue::from_static("invalid")),
            );
        }
        // 1994-11-15 08:12:31 UTC
        retry_after(&headers, UnixMillis(784_887_151_000))
    }

    #[test]
    fn seconds_fractions_dates_and_milliseconds_are_read() {
        assert_eq!(read(&[("retry-after", "1")]), Some(Duration::from_secs(1)));
        assert_eq!(read(&[("retry-after", " 0.25 ")]), Some(Duration::from_millis(250)));
        assert_eq!(read(&[("retry-after", "Tue, 15 Nov 1994 08:13:31 GMT")]), Some(Duration::from_mins(1)));
        assert_eq!(
            read(&[("retry-after", "9"), ("retry-after-ms", "1500")]),
            Some(Duration::from_millis(1_500))
        );
    }

    #[test]
    fn a_date_in_the_past_is_no_wait_and_an_hour_is_the_most() {
        assert_eq!(read(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some(Duration::ZERO));
        for long in ["7200", "1e300", "Mon, 15 Nov 2094 08:13:31 GMT"] {
            assert_eq!(read(&[("retry-after", long)]), Some(LONGEST), "{long}");
        }
    }

    #[test]
    fn garbage_is_ignored() {
        for garbage in ["", "soon", "-5", "NaN", "inf", "12 minutes"] {
            assert_eq!(read(&[("retry-after", garbage)]), None, "{garbage}");
        }
        assert_eq!(read(&[("retry-after-ms", "x"), ("retry-after", "2")]), Some(Duration::from_secs(2)));
        assert_eq!(read(&[]), None);
    }
}
