//! `igentai doctor`: looks whether everything is in place.

mod providers;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use igentai_shared::bus::amqp::{AmqpBus, AmqpConfig};
use igentai_shared::bus::{Bus, BusState};
use igentai_shared::config::{Config, ConfigError, Flag, Keys, Place, ServiceUrl};
use igentai_shared::store::embedded::EmbeddedStore;
use igentai_shared::store::redis::{RedisConfig, RedisStore};
use igentai_shared::store::{Store, StoreError};
use serde_json::json;

use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::{output, settings};

/// How long broker and store may take to answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Between two looks at a connection that is being made.
const PAUSE: Duration = Duration::from_millis(50);

/// `igentai doctor`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Doctor {
    /// Folder for the results [default: outputs]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// One JSON object a line on standard output
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Ok,
    Warn,
    Fail,
}

impl Grade {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    grade: Grade,
    what: String,
    /// What it is like, and what to do where it is not well.
    detail: String,
}

fn finding(grade: Grade, what: &str, detail: impl Into<String>) -> Finding {
    Finding { grade, what: what.to_owned(), detail: detail.into() }
}

pub(crate) async fn doctor(arguments: Doctor, common: &Common) -> Result<Exit, Failure> {
    let out = arguments.out.as_ref().map(|out| out.display().to_string());
    let flags: Vec<Flag> = settings::flag("--out", &["run", "out"], out).into_iter().collect();
    let (mut config, environment) = match settings::read(common, &flags, Keys::Needed) {
        Ok(read) => read,
        Err(mistakes) => {
            // Nothing can be looked at with a configuration that is wrong.
            for mistake in &mistakes {
                output::line(&said(mistake, arguments.json));
            }
            output::note("correct this first; `igentai config example` shows every setting");
            return Ok(Exit::Usage);
        }
    };
    say(&finding(Grade::Ok, "configuration", "no mistakes"), arguments.json);
    for note in settings::find_providers(&mut config, &environment).await {
        say(&finding(Grade::Ok, "providers", note), arguments.json);
    }
    let findings = examine(&config).await;
    for finding in &findings {
        say(finding, arguments.json);
    }
    let failed = findings.iter().any(|finding| finding.grade == Grade::Fail);
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

fn say(finding: &Finding, as_json: bool) {
    let Finding { grade, what, detail } = finding;
    if as_json {
        output::line(&json!({ "grade": grade.as_str(), "what": what, "detail": detail }).to_string());
    } else {
        output::line(&format!("{:<5} {what} — {detail}", grade.as_str()));
    }
}

/// A mistake in the configuration; for programs with its place in parts.
fn said(mistake: &ConfigError, as_json: bool) -> String {
    let (grade, what) = (Grade::Fail.as_str(), "configuration");
    if !as_json {
        return format!("{grade:<5} {what} — {mistake}");
    }
    let ConfigError { place, path, value, problem } = mistake;
    let mut said = json!({ "grade": grade, "what": what });
    match place {
        Place::File { path, line } => {
            said["file"] = json!(path.display().to_string());
            said["line"] = json!(line);
        }
        Place::Variable(name) => said["variable"] = json!(name),
        Place::Flag(name) => said["flag"] = json!(name),
    }
    said["key"] = json!(path);
    said["value"] = json!(value);
    said["detail"] = json!(problem);
    said.to_string()
}

async fn examine(config: &Config) -> Vec<Finding> {
    let folder = folder(&config.run.out);
    let can_write = folder.grade == Grade::Ok;
    let mut findings = vec![folder];
    match &config.bus.amqp_url {
        Some(url) => findings.push(broker(url).await),
        None => findings.push(finding(Grade::Ok, "broker", "none configured: the embedded shape needs none")),
    }
    match &config.store.redis_url {
        Some(url) => findings.extend(redis(url).await),
        None => findings.push(embedded(&config.run.out, can_write).await),
    }
    if config.bus.amqp_url.is_some() != config.store.redis_url.is_some() {
        let detail = "the distributed shape needs both: set AMQP_URL and REDIS_URL, or neither";
        findings.push(finding(Grade::Warn, "broker and store", detail));
    }
    findings.extend(providers::providers(&config.providers).await);
    findings
}

/// Whether results can be written; what was not there is not left there.
fn folder(out: &Path) -> Finding {
    let what = format!("output folder {}", out.display());
    let existing = out.ancestors().find(|folder| folder.exists() && !folder.as_os_str().is_empty());
    let place = existing.unwrap_or(Path::new("."));
    let trial = place.join(format!(".igentai-doctor-{}", std::process::id()));
    let tried = std::fs::write(&trial, "").and_then(|()| std::fs::remove_file(&trial));
    match tried {
        Ok(()) if place == out => finding(Grade::Ok, &what, "can be written"),
        Ok(()) => finding(Grade::Ok, &what, "can be made"),
        Err(error) => {
            let detail = format!("cannot be written: {error}; choose another with --out or `out` in [run]");
            finding(Grade::Fail, &what, detail)
        }
    }
}

async fn broker(url: &ServiceUrl) -> Finding {
    let config = match AmqpConfig::new(url.expose(), "igentai doctor") {
        Ok(config) => config,
        Err(error) => return finding(Grade::Fail, "broker", format!("{error}; correct AMQP_URL")),
    };
    let what = format!("broker {}", config.address());
    let bus = AmqpBus::connect(config);
    let mut state = bus.state();
    let connected = async {
        while !matches!(state, BusState::Connected | BusState::Blocked(_)) {
            tokio::time::sleep(PAUSE).await;
            state = bus.state();
        }
    };
    let in_time = tokio::time::timeout(DEADLINE, connected).await;
    drop(in_time);
    bus.close().await;
    match state {
        BusState::Connected => finding(Grade::Ok, &what, "connected; exchanges and queues are there"),
        BusState::Blocked(why) => {
            let detail = format!("takes no messages: {why}; free memory or disk on its host");
            finding(Grade::Fail, &what, detail)
        }
        BusState::Disconnected(why) => {
            let detail =
                format!("no connection: {why}; is RabbitMQ running, are user, password and vhost right?");
            finding(Grade::Fail, &what, detail)
        }
    }
}

async fn redis(url: &ServiceUrl) -> Vec<Finding> {
    let config = RedisConfig::new(url.expose());
    let what = format!("store {}", config.redacted_url());
    let store = match RedisStore::connect(&config) {
        Ok(store) => store,
        Err(error) => return vec![finding(Grade::Fail, &what, format!("{error}; correct REDIS_URL"))],
    };
    let checked = tokio::time::timeout(DEADLINE, store.check()).await;
    let findings = match checked {
        Ok(Ok(check)) => {
            let warnings = check.warnings.into_iter().map(|warning| finding(Grade::Warn, &what, warning));
            std::iter::once(finding(Grade::Ok, &what, check.product)).chain(warnings).collect()
        }
        Ok(Err(error @ StoreError::Unsafe(_))) => vec![finding(Grade::Fail, &what, error.to_string())],
        Ok(Err(error)) => {
            let detail = format!("{error}; is Redis running, is REDIS_URL right?");
            vec![finding(Grade::Fail, &what, detail)]
        }
        Err(_) => {
            vec![finding(Grade::Fail, &what, "no answer within 5 s; is Redis running, is REDIS_URL right?")]
        }
    };
    store.close().await;
    findings
}

async fn embedded(out: &Path, can_write: bool) -> Finding {
    let folder = out.join(".igentai");
    let what = format!("store {}", folder.display());
    if !folder.exists() {
        return if can_write {
            finding(Grade::Ok, &what, "will be made by the first run")
        } else {
            finding(Grade::Fail, &what, "cannot be made there; choose another output folder with --out")
        };
    }
    match EmbeddedStore::open(&folder) {
        Ok(store) => {
            let checked = store.check().await;
            store.close().await;
            match checked {
                Ok(check) => finding(Grade::Ok, &what, check.product),
                Err(error) => {
                    finding(Grade::Fail, &what, format!("{error}; restore it from a copy, or move it away"))
                }
            }
        }
        Err(StoreError::Locked(told)) => {
            // What it advises to whoever wants the store is no advice here, where nothing is wrong.
            let holder = told.split_once(';').map_or(told.as_str(), |(holder, _)| holder);
            finding(Grade::Ok, &what, format!("in use, as it should be while igentai runs: {holder}"))
        }
        // It says itself what to do.
        Err(error @ (StoreError::Corrupt(_) | StoreError::Defect(_))) => {
            finding(Grade::Fail, &what, error.to_string())
        }
        Err(error) => {
            finding(Grade::Fail, &what, format!("{error}; use another output folder, or move it away"))
        }
    }
}

#[cfg(test)]
mod tests;
