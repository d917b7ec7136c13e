#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Mutex;

use super::*;

const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;x\u{7}\r\n\0\u{9b}31m\u{202e}z";

fn logged(level: &str, format: LogFormat, interactive: bool, log: impl FnOnce()) -> String {
    let lines = Arc::new(Mutex::new(String::new()));
    let collected = Arc::clone(&lines);
    let sink: Sink = Arc::new(move |line| collected.lock().unwrap().push_str(line));
    let config = LogConfig { level: level.to_owned(), format };
    tracing::subscriber::with_default(subscriber(&config, interactive, sink).unwrap(), log);
    lines.lock().unwrap().clone()
}

fn log_hostile() {
    tracing::info!(text = HOSTILE, shown = %HOSTILE, debugged = ?HOSTILE, "message {HOSTILE}");
}

#[test]
fn no_control_character_of_a_value_reaches_the_terminal() {
    for (format, interactive) in [(LogFormat::Text, false), (LogFormat::Text, true), (LogFormat::Json, false)]
    {
        let text = logged("info", format, interactive, log_hostile);
        assert_eq!(text.matches('\n').count(), 1, "{text}");
        let inert = text.trim_end_matches('\n').chars().all(|c| !c.is_control() && !is_bidi_control(c));
        assert!(inert, "{text:?}");
    }
}

#[test]
fn a_json_line_gives_back_the_values_exactly() {
    let text = logged("info", LogFormat::Json, false, log_hostile);
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(line["text"], HOSTILE);
    assert_eq!(line["shown"], HOSTILE);
    assert_eq!(line["level"], "INFO");
}

#[test]
fn only_warnings_and_errors_are_coloured_and_only_on_a_terminal() {
    let log = || {
        tracing::info!("calm");
        tracing::error!("alarm");
    };
    let plain = logged("info", LogFormat::Text, false, log);
    assert!(!plain.contains('\u{1b}'), "{plain:?}");
    let coloured = logged("info", LogFormat::Text, true, log);
    let (calm, alarm) = coloured.split_once('\n').unwrap();
    assert!(!calm.contains('\u{1b}'), "{calm:?}");
    assert!(alarm.starts_with("\u{1b}[31m") && alarm.ends_with("\u{1b}[0m\n"), "{alarm:?}");
}

#[test]
fn libraries_stay_quiet_unless_asked_for_by_name() {
    let log = || {
        tracing::debug!(target: "lapin::channel", "noise");
        tracing::debug!(target: "igentai_producer", "news");
    };
    let text = logged("debug", LogFormat::Text, false, log);
    assert!(text.contains("news") && !text.contains("noise"), "{text}");
    let text = logged("info,lapin=debug", LogFormat::Text, false, log);
    assert!(text.contains("noise") && !text.contains("news"), "{text}");
}

#[test]
fn what_the_client_of_the_broker_calls_errors_is_said_to_those_who_look_closer_only() {
    let log = || tracing::error!(target: "lapin::io_loop", "lost");
    for quiet in ["warn", "info", "info,igentai_producer=debug"] {
        assert_eq!(logged(quiet, LogFormat::Text, false, log), "", "{quiet}");
    }
    for closer in ["debug", "TRACE", "info,lapin=error", "error,lapin::io_loop=warn"] {
        assert!(logged(closer, LogFormat::Text, false, log).contains("lost"), "{closer}");
    }
}

#[test]
fn a_level_that_is_none_is_refused() {
    let config = LogConfig { level: "a=b=c".to_owned(), format: LogFormat::Text };
    assert!(matches!(subscriber(&config, false, standard_error()), Err(LoggingError::Level(_))));
}
