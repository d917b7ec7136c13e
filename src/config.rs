//! `igentai config`: checks, shows or begins a configuration.

use clap::{Args, Subcommand};
use igentai_shared::config::{Config, DEFAULT_FILE, Keys};

use crate::cli::Common;
use crate::exit::{Exit, Failure};
use crate::{output, settings};

/// `igentai config`.
#[derive(Clone, Debug, Args)]
pub(crate) struct ConfigCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Debug, Subcommand)]
enum Action {
    /// Say every mistake in file, environment and keys at once
    ///
    /// Exit code 0: there is none; 2: there are some, each with its place, its key and what is allowed.
    Check,
    /// Print the configuration in force, defaults included and secrets masked
    ///
    /// What is found by itself (keys in the usual variables, a local Ollama) is shown where no provider is configured.
    Show,
    /// Print an example with every setting, ready to be saved as igentai.toml
    Example,
}

pub(crate) async fn config(command: ConfigCommand, common: &Common) -> Result<Exit, Failure> {
    match command.action {
        Action::Check => {
            let (config, _) = settings::load(common, &[], Keys::Needed)?;
            output::line(&right(&config, common));
        }
        Action::Show => {
            let (mut config, environment) = settings::load(common, &[], Keys::NotNeeded)?;
            for note in settings::find_providers(&mut config, &environment).await {
                output::note(&note);
            }
            output::line(config.show().trim_end());
        }
        Action::Example => output::line(Config::example().trim_end()),
    }
    Ok(Exit::Done)
}

/// That nothing is wrong, and with what.
fn right(config: &Config, common: &Common) -> String {
    let default = std::path::Path::new(DEFAULT_FILE);
    let file = match &common.config {
        Some(file) => file.display().to_string(),
        None if default.exists() => DEFAULT_FILE.to_owned(),
        None => "no file, so the defaults hold".to_owned(),
    };
    let providers: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
    let providers = if providers.is_empty() {
        "none configured, they are looked for at the start".to_owned()
    } else {
        providers.join(", ")
    };
    format!("ok: {file}; providers: {providers}")
}
