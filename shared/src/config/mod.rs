//! Configuration: flags over environment over one TOML file.
//!
//! Each section has its file here, with its defaults, its ranges and its reading. Everything that is wrong is told at once:
//! see [`ConfigError`]. The environment is read in one place, [`Environment::of_process`], and handed on as a value.
//!
//! A setting can be written, from weak to strong:
//! 1. in the file: `[run]`, `producers = 8`;
//! 2. as a well-known variable: `AMQP_URL`, `REDIS_URL`, `LOG_LEVEL`, `LOG_FORMAT`, and `PORT` for the HTTP port of whichever role runs;
//! 3. as a variable made from its path: `IGENTAI__RUN__PRODUCERS=8`, `IGENTAI__PROVIDERS__SMALL__WEIGHT=0.5`;
//! 4. as a [`Flag`].
//!
//! A blank well-known variable counts as unset. Values of variables and flags are read like TOML values where they are numbers
//! or quoted, and as texts otherwise.

pub mod address;
pub mod bus;
pub mod discover;
pub mod environment;
mod error;
pub mod log;
mod mask;
pub mod orchestrator;
pub mod producer;
mod provider_section;
pub mod providers;
mod reader;
pub mod run;
mod show;
pub mod store;
#[cfg(test)]
mod tests;
mod tree;
pub mod web;

use std::path::Path;

pub use self::address::ServiceUrl;
pub use self::bus::BusConfig;
pub use self::environment::Environment;
pub use self::error::{ConfigError, Place};
pub use self::log::{LogConfig, LogFormat};
pub(crate) use self::mask::{MASK, is_bidi_control, without_credentials};
pub use self::orchestrator::OrchestratorConfig;
pub use self::producer::ProducerConfig;
pub use self::provider_section::Keys;
pub use self::providers::ProviderConfig;
pub use self::run::RunConfig;
pub use self::store::{RedisLayout, StoreConfig};
pub use self::web::WebConfig;

use self::error::Findings;
use self::provider_section::KeyRing;
use self::reader::Section;
use self::tree::Table;

/// The file that is read if none is named and it exists.
pub const DEFAULT_FILE: &str = "igentai.toml";

/// The largest configuration file that is read.
const FILE_LIMIT: u64 = 1024 * 1024;

/// How variables made from a setting's path begin.
const PREFIX: &str = "IGENTAI__";

/// The variables with names of their own, and the settings they stand for.
const WELL_KNOWN: [(&str, &[&[&str]]); 5] = [
    ("AMQP_URL", &[&["bus", "amqp_url"]]),
    ("REDIS_URL", &[&["store", "redis_url"]]),
    ("LOG_LEVEL", &[&["log", "level"]]),
    ("LOG_FORMAT", &[&["log", "format"]]),
    ("PORT", &[&["web", "port"], &["orchestrator", "port"], &["producer", "port"]]),
];

/// Everything that can be configured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config {
    /// `[providers.NAME]`, in the order of names; empty if there is none: then see [`discover`].
    pub providers: Vec<ProviderConfig>,
    /// `[bus]`.
    pub bus: BusConfig,
    /// `[store]`.
    pub store: StoreConfig,
    /// `[producer]`.
    pub producer: ProducerConfig,
    /// `[run]`.
    pub run: RunConfig,
    /// `[web]`.
    pub web: WebConfig,
    /// `[log]`.
    pub log: LogConfig,
    /// `[orchestrator]`.
    pub orchestrator: OrchestratorConfig,
}

/// A command line flag that stands for a setting.
#[derive(Clone, Debug)]
pub struct Flag {
    /// As it is typed, for messages: `--producers`.
    pub name: String,
    /// The setting's path, for example `["run", "producers"]`.
    pub path: Vec<String>,
    /// Its value as typed.
    pub value: String,
}

/// Where a configuration comes from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// A file named by the user, which must exist; `None` for [`DEFAULT_FILE`] if it exists.
    pub file: Option<&'a Path>,
    /// The folder in which the default file is looked for, and in which a relative `file` begins.
    pub folder: &'a Path,
    /// The environment.
    pub environment: &'a Environment,
    /// The flags.
    pub flags: &'a [Flag],
    /// Whether this process asks models.
    pub keys: Keys,
}

impl Config {
    /// Loads the file named, or [`DEFAULT_FILE`] in the working directory if it exists, with the environment over it. All
    /// errors are returned at once, in the order of the file.
    pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Self, Vec<ConfigError>> {
        Self::load_from(&Sources { file, folder: Path::new(""), environment, flags: &[], keys: Keys::Needed })
    }

    /// Like [`Config::load`], with everything as an argument.
    pub fn load_from(sources: &Sources<'_>) -> Result<Self, Vec<ConfigError>> {
        let findings = Findings::default();
        let path = sources.folder.join(sources.file.unwrap_or(Path::new(DEFAULT_FILE)));
        let mut settings = read_file(&path, sources.file.is_some(), &findings);
        lay_over(&mut settings, sources, &findings);
        let folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let ring = KeyRing { environment: sources.environment, folder: &folder, keys: sources.keys };
        let config = Self::read(Section::new(String::new(), settings, &findings), ring);
        reader::outcome(config, findings)
    }

    /// A file with every setting, its default and what it means; without its comment signs it is a working configuration.
    #[must_use]
    pub const fn example() -> &'static str {
        include_str!("example.toml")
    }

    fn read(mut root: Section<'_>, ring: KeyRing<'_>) -> Self {
        let providers = root.section("providers").named_sections();
        let providers =
            providers.into_iter().map(|(name, section)| provider_section::read(&name, section, ring));
        let providers = providers.collect();
        let producer = ProducerConfig::read(root.section("producer"));
        let config = Self {
            providers,
            bus: BusConfig::read(root.section("bus")),
            store: StoreConfig::read(root.section("store")),
            run: RunConfig::read(root.section("run")),
            web: WebConfig::read(root.section("web")),
            log: LogConfig::read(root.section("log")),
            orchestrator: OrchestratorConfig::read(root.section("orchestrator"), producer.heartbeat_ms),
            producer,
        };
        root.finish();
        config
    }
}

fn read_file(path: &Path, must_exist: bool, findings: &Findings) -> Table {
    let place = Place::File { path: path.to_owned(), line: None };
    match read_bounded(path, FILE_LIMIT) {
        Ok(text) => return Table::parse(&text, path, findings),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must_exist => {}
        Err(error) => findings.add(&place, "", None, format!("cannot be read: {error}")),
    }
    Table::new(place)
}

fn lay_over(settings: &mut Table, sources: &Sources<'_>, findings: &Findings) {
    for (name, paths) in WELL_KNOWN {
        let Some(value) = sources.environment.get(name) else { continue };
        for path in paths {
            settings.overlay(path, value, &Place::Variable(name.to_owned()));
        }
    }
    for (name, value) in sources.environment.starting_with(PREFIX) {
        let path: Vec<&str> = name[PREFIX.len()..].split("__").collect();
        let place = Place::Variable(name.to_owned());
        if path.len() < 2 || path.iter().any(|part| part.is_empty()) {
            findings.add(
                &place,
                "",
                None,
                "names no setting; write IGENTAI__SECTION__KEY, such as IGENTAI__RUN__PRODUCERS",
            );
        } else {
            settings.overlay(&path, value, &place);
        }
    }
    for flag in sources.flags {
        let path: Vec<&str> = flag.path.iter().map(String::as_str).collect();
        settings.overlay(&path, &flag.value, &Place::Flag(flag.name.clone()));
    }
}

/// A file's text if it is not larger than `limit` bytes.
fn read_bounded(path: &Path, limit: u64) -> std::io::Result<String> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)?.take(limit.saturating_add(1)).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length > limit) {
        return Err(std::io::Error::other(format!("it is larger than {} KiB", limit / 1024)));
    }
    Ok(text)
}
