#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use igentai_core::cost::Cost;

use super::*;

/// Every metric of the catalogue with one sample.
fn rendered_samples() -> String {
    let recorder = builder().unwrap().build_recorder();
    let metrics = Metrics(recorder.handle());
    metrics::with_local_recorder(&recorder, || {
        describe_all();
        for metric in CATALOGUE {
            let labels = metric.labelled(&vec!["x"; metric.labels.len()]);
            match metric.kind {
                Kind::Counter { .. } => metrics::counter!(metric.name, labels).increment(1),
                Kind::Gauge => metrics::gauge!(metric.name, labels).set(1.0),
                Kind::Histogram => metrics::histogram!(metric.name, labels).record(1.0),
            }
        }
    });
    metrics.render()
}

#[test]
fn every_metric_is_rendered_with_its_help_and_type() {
    let text = rendered_samples();
    for Metric { name, kind, help, .. } in CATALOGUE {
        let kind = match kind {
            Kind::Counter { .. } => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        assert!(text.contains(&format!("# HELP {name} {}\n", help.trim())), "{name}: {text}");
        assert!(text.contains(&format!("# TYPE {name} {kind}\n")), "{name}: {text}");
    }
    assert!(text.contains(r#"igentai_commit_seconds_bucket{le="0.0005"} 0"#), "{text}");
}

#[test]
fn names_keep_to_the_conventions_that_promtool_checks() {
    let names: BTreeSet<&str> = CATALOGUE.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), CATALOGUE.len(), "a name stands twice");
    for Metric { name, kind, help, labels } in CATALOGUE {
        assert!(name.starts_with("igentai_"), "{name}");
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(plain(name) && labels.iter().all(|label| plain(label)), "{name}");
        assert!(!help.trim().is_empty(), "{name}");
        assert_eq!(name.ends_with("_total"), matches!(kind, Kind::Counter { .. }), "{name}");
        for word in [
            "milliseconds",
            "ms",
            "minutes",
            "kilobytes",
            "percent",
            "count",
            "sum",
            "bucket",
            "gauge",
            "counter",
        ] {
            assert!(!name.split('_').any(|part| part == word), "{name} says {word}");
        }
        if *kind == Kind::Histogram {
            assert!(name.ends_with("_seconds"), "{name}");
        }
        for reserved in ["le", "quantile", "job", "instance"] {
            assert!(!labels.contains(&reserved), "{name}");
        }
    }
}

#[test]
fn money_is_kept_exactly_and_shown_in_dollars() {
    let recorder = builder().unwrap().build_recorder();
    let metrics = Metrics(recorder.handle());
    metrics::with_local_recorder(&recorder, || {
        catalogue::SPEND_USD_TOTAL.add(Cost::from_picodollars(1_500_000_000_001), ["a b"]);
        catalogue::SPEND_USD_TOTAL.reach(Cost::from_picodollars(7), ["c"]);
        catalogue::SPEND_USD_TOTAL.reach(Cost::from_picodollars(3), ["c"]);
    });
    let text = metrics.render();
    assert!(text.contains("igentai_spend_usd_total{provider=\"a b\"} 1.500000000001\n"), "{text}");
    assert!(text.contains("igentai_spend_usd_total{provider=\"c\"} 0.000000000007\n"), "{text}");
}

#[test]
fn the_typed_helpers_record_what_they_say() {
    let recorder = builder().unwrap().build_recorder();
    let metrics = Metrics(recorder.handle());
    metrics::with_local_recorder(&recorder, || {
        catalogue::RESPONSES_TOTAL.add(2, ["small", "answered"]);
        catalogue::ATTRIBUTES_TOTAL.reach(41, []);
        catalogue::LEADER.set_flag(true, []);
        catalogue::IN_FLIGHT_REQUESTS.change(3.0, ["small"]);
        catalogue::IN_FLIGHT_REQUESTS.change(-1.0, ["small"]);
        catalogue::COMMIT_SECONDS.record(Duration::from_millis(3), []);
        record_start("1.2.3", UnixMillis(1_700_000_000_500));
    });
    metrics.run_upkeep();
    let text = metrics.renderer()();
    for line in [
        r#"igentai_responses_total{provider="small",outcome="answered"} 2"#,
        "igentai_attributes_total 41",
        "igentai_leader 1",
        r#"igentai_in_flight_requests{provider="small"} 2"#,
        r#"igentai_commit_seconds_bucket{le="0.005"} 1"#,
        "igentai_commit_seconds_count 1",
        r#"igentai_build_info{version="1.2.3"} 1"#,
        "igentai_process_start_time_seconds 1700000000.5",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn a_gauge_that_is_forgotten_is_not_shown_until_it_is_set_again() {
    let recorder = builder().unwrap().build_recorder();
    let metrics = Metrics(recorder.handle());
    let shown = |text: &str| metrics.render().lines().any(|line| line == text);
    let [unrouted, ended, running] = [
        "igentai_unrouted_messages 4",
        r#"igentai_topics{state="ended"} 1"#,
        r#"igentai_topics{state="running"} 2"#,
    ];
    let set = || {
        catalogue::UNROUTED_MESSAGES.set_whole(4, []);
        catalogue::TOPICS.set_whole(1, ["ended"]);
        catalogue::TOPICS.set_whole(2, ["running"]);
        catalogue::LEADER.set_flag(true, []);
    };
    metrics::with_local_recorder(&recorder, || {
        set();
        assert!([unrouted, ended, running].into_iter().all(shown), "{}", metrics.render());
        catalogue::UNROUTED_MESSAGES.forget();
        catalogue::TOPICS.forget();
        let text = metrics.render();
        let samples: Vec<&str> = text.lines().filter(|line| line.starts_with("igentai_")).collect();
        assert_eq!(samples, ["igentai_leader 1"]);
        set();
        assert!([unrouted, ended, running].into_iter().all(shown), "{}", metrics.render());
    });
}

#[test]
fn a_label_takes_a_bounded_number_of_values() {
    let values: BTreeSet<String> =
        (0..LABEL_VALUES * 2).map(|n| bounded("a label of this test", &n.to_string()).to_owned()).collect();
    assert_eq!(values.len(), LABEL_VALUES + 1);
    assert!(values.contains(OTHER));
}

#[test]
fn nothing_is_recorded_outside_the_catalogue() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(workspace, &mut files);
    assert!(files.len() > 20, "the sources were not found");
    let home = Path::new("shared").join("src").join("telemetry").join("metrics");
    for file in files {
        let relative = file.strip_prefix(workspace).unwrap();
        if relative.starts_with(&home) || relative == home.with_extension("rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        for word in ["counter!(", "gauge!(", "histogram!("] {
            assert!(
                !text.contains(word),
                "{} uses {word}…): add the metric to the catalogue",
                relative.display()
            );
        }
    }
}

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && name != "node_modules" && !name.starts_with('.') {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
