//! Who may depend on whom, read from the manifests and the sources.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed unwrap fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Direct dependencies of each of our crates, without those of tests.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() >= 7, "the workspace has {} crates", packages.len());
    packages
        .iter()
        .map(|package| {
            let normal = |dependency: &&Value| dependency["kind"].is_null();
            let all = package["dependencies"].as_array().unwrap().iter().filter(normal);
            (text(&package["name"]), all.map(|dependency| text(&dependency["name"])).collect())
        })
        .collect()
}

fn of<'a>(all: &'a BTreeMap<String, BTreeSet<String>>, name: &str) -> &'a BTreeSet<String> {
    all.get(name).unwrap_or_else(|| panic!("there is no crate {name}"))
}

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

/// Whether a file below `root` holds tests; where `root` itself lies says nothing.
fn is_test(root: &Path, path: &Path) -> bool {
    let path = path.strip_prefix(root).unwrap();
    path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs")
}

/// Our code, without tests and benchmarks.
fn product() -> Vec<(PathBuf, String)> {
    let folders =
        ["src", "shared/core/src", "shared/src", "orchestrator/src", "producer/src", "webserver/src"];
    let all = folders.iter().flat_map(|folder| sources(&root().join(folder)));
    let code: Vec<_> = all
        .filter(|(path, _)| !is_test(&root(), path))
        .map(|(path, text)| (path, text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned()))
        .collect();
    assert!(code.len() > 100, "only {} files were read", code.len());
    code
}

/// Names in `use …::module::{…}` and `module::NAME`.
fn named_of<'a>(module: &str, text: &'a str) -> Vec<&'a str> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let uses = text.split(module).skip(1).filter_map(|rest| rest.strip_prefix("::"));
    uses.flat_map(|rest| {
        let list = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        list.unwrap_or(name).split(',').map(str::trim)
    })
    .collect()
}

#[test]
fn a_checkout_below_a_folder_called_tests_is_read_all_the_same() {
    let root = Path::new("/home/me/tests/igentai");
    assert!(!is_test(root, &root.join("src/main.rs")));
    assert!(is_test(root, &root.join("webserver/tests/api/main.rs")));
    assert!(is_test(root, &root.join("shared/src/wire/tests.rs")));
}

#[test]
fn the_core_cannot_do_io() {
    let allowed = [
        "fastbloom",
        "regex",
        "regex-syntax",
        "serde",
        "serde_bytes",
        "serde_json",
        "thiserror",
        "unicode-normalization",
        "xxhash-rust",
    ];
    let all = dependencies();
    let others: Vec<_> =
        of(&all, "igentai-core").iter().filter(|name| !allowed.contains(&name.as_str())).collect();
    assert!(others.is_empty(), "the core depends on {others:?}");
    for (path, text) in sources(&root().join("shared/core/src")) {
        for forbidden in
            ["std::net", "std::fs", "std::io", "std::process", "std::thread", "Instant::now", "SystemTime"]
        {
            assert!(!text.contains(forbidden), "{} uses {forbidden}", path.display());
        }
    }
}

#[test]
fn the_core_knows_nobody_shared_knows_the_core_and_roles_know_not_one_another() {
    let all = dependencies();
    let ours = |name: &str| -> BTreeSet<&str> {
        of(&all, name).iter().map(String::as_str).filter(|name| name.starts_with("igentai")).collect()
    };
    assert_eq!(ours("igentai-core"), BTreeSet::new());
    assert_eq!(ours("igentai-shared"), BTreeSet::from(["igentai-core"]));
    for role in ["igentai-orchestrator", "igentai-producer", "igentai-webserver"] {
        assert_eq!(ours(role), BTreeSet::from(["igentai-core", "igentai-shared"]), "{role}");
    }
    assert!(ours("igentai").len() == 5, "the binary puts all of them together");
}

#[test]
fn each_outside_library_has_one_home() {
    let all = dependencies();
    let homes = [
        ("lapin", ["igentai-shared"].as_slice()),
        ("deadpool-redis", &["igentai-shared"]),
        ("redb", &["igentai-shared"]),
        ("axum", &["igentai-webserver"]),
        ("reqwest", &["igentai", "igentai-producer"]),
    ];
    for (library, homes) in homes {
        let users: Vec<&str> = all
            .iter()
            .filter(|(name, dependencies)| *name != "igentai-test-support" && dependencies.contains(library))
            .map(|(name, _)| name.as_str())
            .collect();
        assert!(!users.is_empty() && users.iter().all(|user| homes.contains(user)), "{library}: {users:?}");
    }
}

#[test]
fn adapters_are_the_only_code_that_names_their_library() {
    let homes = [
        ("lapin::", "shared/src/bus/amqp"),
        ("deadpool_redis", "shared/src/store/redis"),
        ("redb::", "shared/src/store/embedded"),
    ];
    for (name, home) in homes {
        let users: Vec<PathBuf> =
            product().into_iter().filter(|(_, text)| text.contains(name)).map(|(path, _)| path).collect();
        assert!(!users.is_empty(), "nobody uses {name}");
        for path in users {
            assert!(path.starts_with(root().join(home)), "{} names {name}", path.display());
        }
    }
}

#[test]
fn only_the_root_names_concrete_adapters() {
    let homes = [
        ("MemoryBus", "shared/src/bus/memory"),
        ("AmqpBus", "shared/src/bus/amqp"),
        ("EmbeddedStore", "shared/src/store/embedded"),
        ("RedisStore", "shared/src/store/redis"),
    ];
    let code = product();
    for (adapter, home) in homes {
        let users: Vec<&PathBuf> =
            code.iter().filter(|(_, text)| text.contains(adapter)).map(|(path, _)| path).collect();
        let in_root = |path: &PathBuf| path.starts_with(root().join("src"));
        assert!(users.iter().any(|path| in_root(path)), "the binary does not name {adapter}");
        for path in users {
            assert!(
                in_root(path) || path.starts_with(root().join(home)),
                "{} names {adapter}",
                path.display()
            );
        }
    }
}

#[test]
fn every_metric_of_the_catalogue_is_recorded() {
    let catalogue = std::fs::read_to_string(root().join("shared/src/telemetry/catalogue.rs")).unwrap();
    let is_name = |word: &&str| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let names: Vec<&str> = catalogue
        .lines()
        .filter_map(|line| line.trim().split_once(": ").map(|(name, _)| name))
        .filter(is_name)
        .filter(|name| *name != "CATALOGUE")
        .collect();
    assert!(names.len() > 20, "{names:?}");
    let code = product();
    for name in names {
        let used = |(path, text): &(PathBuf, String)| {
            !path.ends_with("catalogue.rs") && named_of("catalogue", text).contains(&name)
        };
        assert!(code.iter().any(used), "nobody records {name}");
    }
}

#[test]
fn no_source_file_has_outgrown_its_place() {
    for (path, text) in product() {
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}
