//! The numbers, for machines and for people.

use serde_json::{Map, Value, json};

use super::load::{NEW, STRINGS};
use super::{Measured, Measurements};

#[expect(clippy::cast_precision_loss, reason = "for showing")]
pub(super) fn rate(measured: &Measured) -> f64 {
    if measured.seconds > 0.0 { measured.batches as f64 / measured.seconds } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index within the list, for showing"
)]
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

fn share(of: f64, whole: f64) -> f64 {
    if whole > 0.0 { of / whole } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn line(measured: &Measured, new: u64) -> Value {
    let rate = rate(measured);
    let mut line = json!({
        "batches_per_second": rate,
        "strings_per_second": rate * STRINGS as f64,
        "attributes_per_second": rate * new as f64,
    });
    if !measured.latencies_ms.is_empty() {
        line["p50_ms"] = percentile(&measured.latencies_ms, 0.5).into();
        line["p99_ms"] = percentile(&measured.latencies_ms, 0.99).into();
        line["commit_p50_ms"] = percentile(&measured.commits_ms, 0.5).into();
        line["commit_p99_ms"] = percentile(&measured.commits_ms, 0.99).into();
        line["batches_per_message"] = share(measured.batches as f64, measured.messages as f64).into();
    }
    line
}

pub(super) fn report(found: &Measurements) -> Value {
    let whole = rate(&found.whole);
    let mut report = Map::new();
    let mut put = |name: &str, value: Value| report.insert(name.to_owned(), value);
    put("shape", if found.redis.is_some() { "distributed" } else { "embedded" }.into());
    put("strings_per_batch", STRINGS.into());
    put("new_per_batch", NEW.into());
    for (name, measured) in [
        ("broker", &found.broker),
        ("store", &found.store),
        ("whole", &found.whole),
        ("whole_with_3_filters", &found.followed),
        ("half_load", &found.half),
        ("tenth_load", &found.tenth),
    ] {
        put(name, line(measured, NEW));
    }
    put("whole_to_broker", share(whole, rate(&found.broker)).into());
    put("whole_to_store", share(whole, rate(&found.store)).into());
    put("whole_to_least_ceiling", share(whole, rate(&found.broker).min(rate(&found.store))).into());
    put("with_3_filters_to_whole", share(rate(&found.followed), whole).into());
    put("wire_bytes_to_texts_at_90_percent_known", found.wire_bytes.into());
    put("filter_check_ns", found.filter_ns.into());
    if let Some(redis) = &found.redis {
        put("bare_sadd", line(&redis.bare, NEW));
        put("bare_sadd_96_percent_known", line(&redis.bare_known, 2));
        put("store_96_percent_known", line(&redis.store_known, 2));
        put("store_to_bare_sadd", share(rate(&found.store), rate(&redis.bare)).into());
        let known = share(rate(&redis.store_known), rate(&redis.bare_known));
        put("store_to_bare_sadd_96_percent_known", known.into());
        put("redis_bytes_per_attribute", redis.bytes_per_attribute.into());
        put("redis_question_ns", redis.question_ns.into());
        put("filter_to_redis_speed", share(redis.question_ns, found.filter_ns).into());
    }
    Value::Object(report)
}

pub(super) fn in_words(report: &Value) -> String {
    let number = |path: &str| report.pointer(path).and_then(Value::as_f64).unwrap_or(0.0);
    let line = |label: &str, part: &str| {
        let of = |what: &str| number(&format!("/{part}/{what}_per_second"));
        let (batches, strings, new) = (of("batches"), of("strings"), of("attributes"));
        format!(
            "  {label:<22}{batches:>9.0} batches/s {strings:>10.0} strings/s {new:>10.0} new attributes/s"
        )
    };
    let latency = |label: &str, part: &str| {
        let of = |what: &str| number(&format!("/{part}/{what}"));
        format!(
            "  {label:<17}publish to commit: p50 {:.1} ms, p99 {:.1} ms; to receipt: p50 {:.1} ms, p99 {:.1} ms; {:.1} batches a message",
            of("commit_p50_ms"),
            of("commit_p99_ms"),
            of("p50_ms"),
            of("p99_ms"),
            of("batches_per_message")
        )
    };
    let is_distributed = report.get("bare_sadd").is_some();
    let mut lines = vec![
        format!(
            "{}: batches of {STRINGS} strings of 20 bytes, half of them known",
            report["shape"].as_str().unwrap_or_default()
        ),
        line("broker ceiling", "broker"),
        line("store ceiling", "store"),
        line("end to end", "whole"),
        line("… with 3 filters fed", "whole_with_3_filters"),
    ];
    if is_distributed {
        lines.extend([
            line("bare SADD", "bare_sadd"),
            line("store, 96 % known", "store_96_percent_known"),
            line("bare SADD, 96 % known", "bare_sadd_96_percent_known"),
        ]);
    }
    lines.extend([
        latency("at that rate", "whole"),
        latency("at half of it", "half_load"),
        latency("at a tenth of it", "tenth_load"),
        format!(
            "  end to end ÷ broker ceiling: {:.2}, ÷ store ceiling: {:.2}, ÷ the lower of the two: {:.2}",
            number("/whole_to_broker"),
            number("/whole_to_store"),
            number("/whole_to_least_ceiling")
        ),
        format!("  with 3 filters fed ÷ without: {:.2}", number("/with_3_filters_to_whole")),
        format!(
            "  bytes on the wire ÷ those of texts, at 90 % known: {:.2}",
            number("/wire_bytes_to_texts_at_90_percent_known")
        ),
    ]);
    let filter = number("/filter_check_ns");
    if is_distributed {
        lines.extend([
            format!(
                "  commit script ÷ bare SADD: {:.2}, at 96 % known: {:.2}",
                number("/store_to_bare_sadd"),
                number("/store_to_bare_sadd_96_percent_known")
            ),
            format!(
                "  memory of Redis: {:.0} bytes per attribute, log and receipts included",
                number("/redis_bytes_per_attribute")
            ),
            format!(
                "  a filter answers in {filter:.0} ns, {:.0} times as fast as Redis is asked",
                number("/filter_to_redis_speed")
            ),
        ]);
    } else {
        lines.push(format!("  a filter answers in {filter:.0} ns"));
    }
    lines.join("\n")
}
