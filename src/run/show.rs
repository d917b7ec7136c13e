//! What a person, or a program, sees of a run.

use std::cell::Cell;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use igentai_core::ids::Seq;
use igentai_core::status::TopicStatus;
use igentai_core::topic::Topic;
use igentai_shared::config::{Config, Environment};
use igentai_shared::telemetry::logging::{self, Sink};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::line::{fitted, whole};
use super::summary::{finished_json, flags, go_on, seconds, summary};
use super::terminal::{self, Terminal};
use super::weights;
use crate::cli::{Common, Run};
use crate::output::{self, counted};

/// Between two plain lines where there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(2);

const WITH_CAP: &str = "{spinner:.cyan} {bar:24.cyan/dim} {wide_msg}";
const WITHOUT_CAP: &str = "{spinner:.cyan} {wide_msg}";

/// Columns that stand before the message with a spinner, and with a bar.
const SPINNER: usize = 2;
const SPINNER_AND_BAR: usize = 27;

/// A terminal with fewer columns has none for the bar.
const ROOM_FOR_A_BAR: usize = 76;

enum Manner {
    /// A bar that is drawn over and over on the terminal.
    Bar(ProgressBar),
    /// A line now and then.
    Plain,
    /// One JSON object a line.
    Json,
    /// Only the summary.
    Quiet,
}

pub(crate) struct Show {
    manner: Manner,
    last_line: Cell<Duration>,
    /// Whoever read the JSON lines has gone.
    unread: Cell<bool>,
    /// Flags that a next start needs, too.
    flags: String,
}

impl Show {
    pub(crate) fn new(arguments: &Run, common: &Common) -> Self {
        let manner = if arguments.json {
            Manner::Json
        } else if common.quiet {
            Manner::Quiet
        } else if draws() && arguments.topic.is_some() {
            let target = ProgressDrawTarget::term_like_with_hz(Box::new(Terminal::default()), 10);
            let bar = ProgressBar::with_draw_target(None, target);
            Manner::Bar(bar.with_style(style(WITHOUT_CAP)))
        } else {
            Manner::Plain
        };
        Self {
            manner,
            last_line: Cell::new(Duration::ZERO),
            unread: Cell::new(false),
            flags: flags(arguments, common),
        }
    }

    /// Where log lines go: above the bar, if there is one.
    pub(crate) fn log_sink(&self) -> Sink {
        match &self.manner {
            Manner::Bar(bar) => {
                let (bar, plain) = (bar.clone(), logging::standard_error());
                Arc::new(move |line| bar.suspend(|| plain(line)))
            }
            Manner::Plain | Manner::Json | Manner::Quiet => logging::standard_error(),
        }
    }

    /// Something that people should know.
    pub(crate) fn note(&self, text: &str) {
        match &self.manner {
            Manner::Bar(bar) => bar.suspend(|| output::note(text)),
            Manner::Plain | Manner::Json => output::note(text),
            Manner::Quiet => {}
        }
    }

    pub(crate) fn serving(&self, address: SocketAddr, topics: u64) {
        let address = format!("http://{address}");
        if matches!(self.manner, Manner::Json) {
            output::line(&json!({ "event": "serving", "url": address, "topics": topics }).to_string());
        } else {
            output::note(&format!("serving on {address} ({} known); Ctrl-C stops", counted(topics, "topic")));
        }
    }

    pub(crate) fn started(&self, topic: &Topic, known: Seq, config: &Config, address: Option<SocketAddr>) {
        let address = address.map(|address| format!("http://{address}"));
        let providers = weights::asked(config, &topic.provider_weights);
        if matches!(self.manner, Manner::Json) {
            let line = json!({
                "event": "started", "topic": topic.name, "folder": topic.id.as_str(), "run": topic.run,
                "known": known, "providers": providers, "producers": config.run.producers, "url": address,
            });
            self.json(&line);
            return;
        }
        let on =
            if known > 0 { format!(", going on from {}", counted(known, "item")) } else { String::new() };
        let page = address.map(|address| format!("; watch it on {address}")).unwrap_or_default();
        let (producers, providers) = (config.run.producers, providers.join(", "));
        let ask =
            if producers == 1 { "1 producer asks".to_owned() } else { format!("{producers} producers ask") };
        self.note(&format!("“{}”: {ask} {providers}{on}{page}", topic.name));
        if let Manner::Bar(bar) = &self.manner {
            if let Some(cap) = topic.limits.max_attributes {
                bar.set_length(cap);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
        }
    }

    pub(crate) fn attributes(&self, topic: &Topic, first: Seq, texts: &[String]) {
        if matches!(self.manner, Manner::Json) {
            let line = json!({ "event": "attributes", "topic": topic.name, "first": first, "texts": texts });
            self.json(&line);
        }
    }

    pub(crate) fn progress(&self, status: &TopicStatus, ran: Duration) {
        match &self.manner {
            Manner::Bar(bar) => {
                let columns = usize::from(terminal::columns());
                let (template, before) = match bar.length() {
                    Some(_) if columns >= ROOM_FOR_A_BAR => (WITH_CAP, SPINNER_AND_BAR),
                    Some(_) | None => (WITHOUT_CAP, SPINNER),
                };
                bar.set_style(style(template));
                bar.set_position(status.attributes.min(bar.length().unwrap_or(u64::MAX)));
                bar.set_message(fitted(status, ran, columns.saturating_sub(before)));
            }
            Manner::Plain => {
                if ran.saturating_sub(self.last_line.get()) >= PLAIN_EVERY {
                    self.last_line.set(ran);
                    output::note(&whole(status, ran));
                }
            }
            Manner::Json => {
                let line = json!({
                    "event": "progress", "topic": status.topic.name, "state": status.topic.state.as_str(),
                    "attributes": status.attributes, "attributes_per_minute": status.attributes_per_minute,
                    "responses": status.totals.responses, "failed_responses": status.totals.failed_responses,
                    "duplicates": status.totals.duplicates, "coverage": status.coverage,
                    "completeness": status.completeness,
                    "usd": status.totals.cost.usd(), "seconds": seconds(ran), "problem": status.problem,
                });
                self.json(&line);
            }
            Manner::Quiet => {}
        }
    }

    /// How long is waited, and for what.
    pub(crate) fn stopping(&self, under_way: u32, grace: Duration) {
        let what = match under_way {
            0 => "stopping".to_owned(),
            count => format!(
                "stopping: waiting up to {} s for the answers of {} (Ctrl-C again leaves at once)",
                grace.as_secs_f64(),
                counted(u64::from(count), "request"),
            ),
        };
        self.note(&what);
    }

    pub(crate) fn interrupted_at_once(&self, topic: &Topic, out: &Path) {
        self.clear();
        let folder = out.join(topic.id.as_str());
        output::note(&format!("left at once; what is confirmed is kept in {}", folder.display()));
        output::note(&go_on(&topic.name, &self.flags));
    }

    pub(crate) fn finished(&self, status: &TopicStatus, ran: Duration, out: &Path) {
        self.clear();
        if matches!(self.manner, Manner::Json) {
            self.json(&finished_json(status, ran));
            return;
        }
        for line in summary(status, ran, out, &self.flags) {
            output::line(&line);
        }
    }

    /// Whether nobody reads the JSON lines any more: whoever did has seen enough.
    pub(crate) fn is_unread(&self) -> bool {
        self.unread.get()
    }

    fn json(&self, line: &serde_json::Value) {
        if !output::line_read(&line.to_string()) {
            self.unread.set(true);
        }
    }

    fn clear(&self) {
        if let Manner::Bar(bar) = &self.manner {
            bar.finish_and_clear();
        }
    }
}

/// Whether standard error is a terminal that can move its cursor.
fn draws() -> bool {
    std::io::stderr().is_terminal() && Environment::of_process().get("TERM") != Some("dumb")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
