#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod good;
mod messages;

use std::fs;

use super::*;

/// A secret that must never be shown.
const SECRET: &str = "sk-seeded-secret-0123456789";

/// Loads `igentai.toml` with this text; messages name the file without its folder.
fn load_with(text: &str, environment: &Environment, flags: &[Flag]) -> Result<Config, Vec<String>> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join(DEFAULT_FILE), text).unwrap();
    fs::write(folder.path().join("empty.key"), "\n").unwrap();
    fs::write(folder.path().join("good.key"), format!("{SECRET}\n")).unwrap();
    fs::write(folder.path().join("two.key"), format!("{SECRET}\n{SECRET}\n")).unwrap();
    let sources = Sources { file: None, folder: folder.path(), environment, flags, keys: Keys::Needed };
    let prefix = format!("{}/", folder.path().display());
    Config::load_from(&sources).map_err(|errors| {
        assert!(!format!("{errors:?}").contains("seeded-secret"), "{errors:?}");
        errors.iter().map(|error| error.to_string().replace(&prefix, "")).collect()
    })
}

fn load(text: &str) -> Result<Config, Vec<String>> {
    load_with(text, &Environment::default(), &[])
}

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn errors(text: &str) -> Vec<String> {
    load(text).unwrap_err()
}
