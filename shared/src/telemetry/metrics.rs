//! Metrics for Prometheus: how one is named, described, recorded and rendered. Which there are: [`super::catalogue`].
//!
//! This is the only file that uses the `metrics` facade. A metric's labels are part of its type, so that a wrong number of
//! values does not compile, and each label takes a bounded number of values, so that no input makes the series grow for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use igentai_core::seeded::{Bug, strikes};
use igentai_core::time::UnixMillis;
use metrics::{Label, Unit};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use super::catalogue::{self, CATALOGUE};

/// The values that one label takes in a process before [`OTHER`] stands for the rest.
pub const LABEL_VALUES: usize = 200;

/// What stands for a label's values beyond [`LABEL_VALUES`].
pub const OTHER: &str = "other";

/// What a gauge has that is not shown.
const UNKNOWN: f64 = f64::NAN;

/// Upper ends of the histogram's buckets, in seconds.
const SECONDS_BUCKETS: [f64; 14] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It only grows. It is kept in whole parts, of which `parts` make one of the unit in its name.
    Counter {
        /// 1, or 10¹² for dollars kept in picodollars.
        parts: u64,
    },
    /// It rises and falls.
    Gauge,
    /// Durations in seconds.
    Histogram,
}

/// A metric's description.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name for Prometheus.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its help text; white space around it says nothing.
    pub help: &'static str,
    /// Its labels.
    pub labels: &'static [&'static str],
}

/// A counter with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Counter<const N: usize>(Metric);

/// A counter of money with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Money<const N: usize>(Metric);

/// A gauge with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Gauge<const N: usize>(Metric);

/// A histogram of seconds with `N` labels.
#[derive(Clone, Copy, Debug)]
pub struct Seconds<const N: usize>(Metric);

macro_rules! constructors {
    ($($type:ident: $kind:expr;)*) => {$(
        impl<const N: usize> $type<N> {
            pub(super) const fn new(
                name: &'static str,
                help: &'static str,
                labels: &'static [&'static str; N],
            ) -> Self {
                Self(Metric { name, kind: $kind, help, labels })
            }

            /// Its description.
            #[must_use]
            pub const fn metric(&self) -> Metric {
                self.0
            }
        }
    )*};
}

constructors! {
    Counter: Kind::Counter { parts: 1 };
    Money: Kind::Counter { parts: 1_000_000_000_000 };
    Gauge: Kind::Gauge;
    Seconds: Kind::Histogram;
}

impl<const N: usize> Counter<N> {
    /// Counts `amount` more.
    pub fn add(&self, amount: u64, labels: [&str; N]) {
        metrics::counter!(self.0.name, self.0.labelled(&labels)).increment(amount);
    }

    /// Lifts it to a total that was counted elsewhere; a smaller one changes nothing.
    pub fn reach(&self, total: u64, labels: [&str; N]) {
        metrics::counter!(self.0.name, self.0.labelled(&labels)).absolute(total);
    }
}

impl<const N: usize> Money<N> {
    /// Counts `amount` more.
    pub fn add(&self, amount: igentai_core::cost::Cost, labels: [&str; N]) {
        metrics::counter!(self.0.name, self.0.labelled(&labels)).increment(amount.picodollars());
    }

    /// Lifts it to a total that was counted elsewhere; a smaller one changes nothing.
    pub fn reach(&self, total: igentai_core::cost::Cost, labels: [&str; N]) {
        metrics::counter!(self.0.name, self.0.labelled(&labels)).absolute(total.picodollars());
    }
}

impl<const N: usize> Gauge<N> {
    /// Sets it.
    pub fn set(&self, value: f64, labels: [&str; N]) {
        metrics::gauge!(self.0.name, self.0.labelled(&labels)).set(value);
    }

    /// Sets it to a whole number, exact up to 2⁵³.
    #[expect(clippy::cast_precision_loss, reason = "Prometheus has floating point numbers only")]
    pub fn set_whole(&self, value: u64, labels: [&str; N]) {
        self.set(value as f64, labels);
    }

    /// Sets it to 1 or 0.
    pub fn set_flag(&self, value: bool, labels: [&str; N]) {
        self.set(if value { 1.0 } else { 0.0 }, labels);
    }

    /// Changes it by `amount`.
    pub fn change(&self, amount: f64, labels: [&str; N]) {
        metrics::gauge!(self.0.name, self.0.labelled(&labels)).increment(amount);
    }
}

impl Gauge<0> {
    /// Shows no value until one is set again: who does not know it any more does not say what it was.
    pub fn forget(&self) {
        self.set(UNKNOWN, []);
    }
}

impl Gauge<1> {
    /// Shows no value for any value of its label until one is set again.
    pub fn forget(&self) {
        let label = self.0.labels.first().copied().unwrap_or_default();
        let seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner).get(label).cloned();
        for value in seen.iter().flatten().map(String::as_str).chain([OTHER]) {
            self.set(UNKNOWN, [value]);
        }
    }
}

impl<const N: usize> Seconds<N> {
    /// Records a duration.
    pub fn record(&self, duration: std::time::Duration, labels: [&str; N]) {
        metrics::histogram!(self.0.name, self.0.labelled(&labels)).record(duration.as_secs_f64());
    }
}

/// Values seen per label.
static SEEN: Mutex<BTreeMap<&'static str, BTreeSet<String>>> = Mutex::new(BTreeMap::new());

impl Metric {
    fn labelled(&self, values: &[&str]) -> Vec<Label> {
        let labels = self.labels.iter().zip(values);
        labels.map(|(label, value)| Label::new(*label, bounded(label, value).to_owned())).collect()
    }

    fn describe(&self) {
        let help = self.help.trim();
        match self.kind {
            Kind::Counter { .. } => metrics::describe_counter!(self.name, Unit::Count, help),
            Kind::Gauge => metrics::describe_gauge!(self.name, Unit::Count, help),
            Kind::Histogram => metrics::describe_histogram!(self.name, Unit::Seconds, help),
        }
    }
}

fn bounded<'a>(label: &'static str, value: &'a str) -> &'a str {
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let values = seen.entry(label).or_default();
    if values.contains(value) {
        value
    } else if values.len() < LABEL_VALUES {
        values.insert(value.to_owned());
        value
    } else {
        OTHER
    }
}

/// Why metrics could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("metrics are set up already, or not possible")]
pub struct MetricsError(#[from] BuildError);

/// The metrics of this process.
#[derive(Clone)]
pub struct Metrics(PrometheusHandle);

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Metrics")
    }
}

/// Collects the metrics of this process from here on. Once per process.
pub fn install() -> Result<Metrics, MetricsError> {
    let handle = builder()?.install_recorder()?;
    describe_all();
    Ok(Metrics(handle))
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new();
    for metric in CATALOGUE.iter().filter(|metric| metric.kind == Kind::Histogram) {
        builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), &SECONDS_BUCKETS)?;
    }
    Ok(builder)
}

fn describe_all() {
    for metric in CATALOGUE {
        metric.describe();
    }
}

impl Metrics {
    /// Everything in Prometheus's text format.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = self.0.render();
        if strikes(Bug::CounterFalls, 2) {
            text = text.replace("igentai_commits_total ", "igentai_commits_total 0.");
        }
        in_units(&text)
    }

    /// [`Metrics::render`] for a web server that knows nothing of metrics.
    #[must_use]
    pub fn renderer(&self) -> Arc<dyn Fn() -> String + Send + Sync> {
        let metrics = self.clone();
        Arc::new(move || metrics.render())
    }

    /// Folds what was recorded into the histograms, so that memory stays bounded while nobody scrapes: call it every few seconds.
    pub fn run_upkeep(&self) {
        self.0.run_upkeep();
    }
}

/// Says which program this is and when it started.
pub fn record_start(version: &str, now: UnixMillis) {
    catalogue::BUILD_INFO.set(1.0, [version]);
    #[expect(clippy::cast_precision_loss, reason = "milliseconds stay below 2^53")]
    catalogue::PROCESS_START_TIME_SECONDS.set(now.0 as f64 / 1_000.0, []);
}

/// Turns counters that are kept in parts into their unit, exactly, and leaves out what is unknown.
fn in_units(text: &str) -> String {
    let mut lines = String::with_capacity(text.len());
    for line in text.lines().filter(|line| !line.ends_with(" NaN")) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let parts =
            CATALOGUE.iter().find(|metric| metric.name == name).map_or(1, |metric| match metric.kind {
                Kind::Counter { parts } => parts,
                Kind::Gauge | Kind::Histogram => 1,
            });
        let in_parts = line.rsplit_once(' ').filter(|_| parts > 1);
        if let Some((series, value)) =
            in_parts.and_then(|(series, value)| Some((series, value.parse().ok()?)))
        {
            lines.push_str(series);
            lines.push(' ');
            lines.push_str(&decimal(value, parts));
        } else {
            lines.push_str(line);
        }
        lines.push('\n');
    }
    lines
}

/// A number of parts as a decimal fraction; `parts` is a power of ten.
fn decimal(value: u64, parts: u64) -> String {
    let digits = usize::try_from(parts.ilog10()).unwrap_or(0);
    format!("{}.{:0digits$}", value / parts, value % parts)
}

#[cfg(test)]
mod tests;
