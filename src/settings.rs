//! From flags, environment and file to what the parts are built with.

use std::collections::BTreeMap;
use std::path::Path;

use igentai_shared::config::discover::discover;
use igentai_shared::config::{Config, ConfigError, Environment, Flag, Keys, Sources};
use igentai_shared::telemetry::logging::{self, Sink};

use crate::cli::Common;
use crate::exit::Failure;
use crate::output;

/// A flag that sets `path`, if it was given.
pub(crate) fn flag(name: &str, path: &[&str], value: Option<impl ToString>) -> Option<Flag> {
    let path = path.iter().map(|part| (*part).to_owned()).collect();
    value.map(|value| Flag { name: name.to_owned(), path, value: value.to_string() })
}

/// The flags that `run` and `up` share.
pub(crate) fn whole_system(producers: Option<u32>, port: Option<u16>, out: Option<&Path>) -> Vec<Flag> {
    let out = out.map(|out| out.display().to_string());
    [
        flag("--producers", &["run", "producers"], producers),
        flag("--port", &["web", "port"], port),
        flag("--out", &["run", "out"], out),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Loads the configuration, and says every mistake in it at once.
pub(crate) fn load(common: &Common, flags: &[Flag], keys: Keys) -> Result<(Config, Environment), Failure> {
    read(common, flags, keys).map_err(|errors| {
        for error in &errors {
            output::note(&error.to_string());
        }
        let count =
            if errors.len() == 1 { "one mistake".to_owned() } else { format!("{} mistakes", errors.len()) };
        Failure::usage(format!("the configuration has {count}; nothing was started"))
    })
}

/// Loads the configuration, or says nothing and returns every mistake in it.
pub(crate) fn read(
    common: &Common,
    flags: &[Flag],
    keys: Keys,
) -> Result<(Config, Environment), Vec<ConfigError>> {
    let environment = Environment::of_process();
    let sources = Sources {
        file: common.config.as_deref(),
        folder: Path::new("."),
        environment: &environment,
        flags,
        keys,
    };
    Config::load_from(&sources).map(|config| (config, environment))
}

/// Starts logging. `least` is the level without `-v` or `-q` and without one in the configuration.
pub(crate) fn log(
    common: &Common,
    config: &Config,
    environment: &Environment,
    least: &str,
    sink: Sink,
) -> Result<(), Failure> {
    let mut log = config.log.clone();
    let chosen = environment.get("LOG_LEVEL").is_some()
        || log.level != igentai_shared::config::LogConfig::default().level;
    let by_flag = match (common.quiet, common.verbose) {
        (true, _) => Some("error"),
        (false, 0) => None,
        (false, 1) => Some("info"),
        (false, 2) => Some("debug"),
        (false, _) => Some("trace"),
    };
    match by_flag {
        Some(level) => level.clone_into(&mut log.level),
        None if !chosen => least.clone_into(&mut log.level),
        None => {}
    }
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    logging::init_to(&log, terminal, sink)
        .map_err(|error| Failure::usage(format!("logging cannot start: {error}")))
}

/// Looks for providers where none is configured; the notes are for people.
pub(crate) async fn find_providers(config: &mut Config, environment: &Environment) -> Vec<String> {
    if !config.providers.is_empty() {
        return Vec::new();
    }
    let found = discover(environment, igentai_producer::provider::fetch).await;
    config.providers = found.providers;
    found.notes
}

/// Sets the weights given by flags; providers that are not named are then not asked.
pub(crate) fn apply_weights(config: &mut Config, weights: &[(String, f64)]) -> Result<(), Failure> {
    if weights.is_empty() {
        return Ok(());
    }
    let given = once_each(weights)?;
    let known: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    for (name, _) in weights {
        if !known.contains(&name.as_str()) {
            return Err(Failure::usage(format!(
                "there is no provider `{name}`; there are: {}",
                known.join(", ")
            )));
        }
    }
    for provider in &mut config.providers {
        provider.weight = given.get(&provider.name).copied().unwrap_or(0.0);
    }
    if config.providers.iter().all(|provider| provider.weight <= 0.0) {
        return Err(Failure::usage("no provider has a weight above 0"));
    }
    Ok(())
}

/// Weights by name, of which none is said twice.
pub(crate) fn once_each(weights: &[(String, f64)]) -> Result<BTreeMap<String, f64>, Failure> {
    let mut given = BTreeMap::new();
    for (name, weight) in weights {
        if given.insert(name.clone(), *weight).is_some() {
            return Err(Failure::usage(format!(
                "--provider {name} is there twice; give each provider one weight"
            )));
        }
    }
    Ok(given)
}

/// Weights of the configured providers.
pub(crate) fn weights(config: &Config) -> BTreeMap<String, f64> {
    config.providers.iter().map(|provider| (provider.name.clone(), provider.weight)).collect()
}
