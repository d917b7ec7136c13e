//! Money and time in words.

use super::Range;

/// Money, and the interval around it.
pub(super) fn money(usd: Range) -> String {
    let Range { about, low, high } = usd;
    if high <= 0.0 {
        return "$0".to_owned();
    }
    let decimals = decimals(about);
    format!("about ${about:.decimals$} ({low:.decimals$} to {high:.decimals$})")
}

/// The interval alone.
pub(super) fn money_between(usd: Range) -> String {
    let Range { low, high, .. } = usd;
    if high <= 0.0 {
        return "$0".to_owned();
    }
    let decimals = decimals(high);
    format!("${low:.decimals$} to {high:.decimals$}")
}

/// The same of requests.
pub(super) fn requests_between(requests: Range) -> String {
    let Range { low, high, .. } = requests;
    match (low, high) {
        (low, high) if high < 1.5 => format!("{low:.0} request"),
        (low, high) if low < high => format!("{low:.0} to {high:.0} requests"),
        (low, _) => format!("{low:.0} requests"),
    }
}

/// The same of time.
pub(super) fn time_between(seconds: Range) -> String {
    let [low, high] = [seconds.low, seconds.high].map(time);
    if low == high { low } else { format!("{low} to {high}") }
}

/// To what matters of it.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds < 90.0 => format!("{:.0} s", seconds.max(1.0)),
        seconds if seconds < 5_400.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.1} h", seconds / 3_600.0),
    }
}

/// Two digits that say something.
fn decimals(usd: f64) -> usize {
    match usd {
        usd if usd >= 0.1 => 2,
        usd if usd >= 0.01 => 3,
        usd if usd >= 0.001 => 4,
        _ => 6,
    }
}
