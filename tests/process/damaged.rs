//! A registry in a file that is damaged, and files that may not grow any more.

use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::Command;

use igentai_test_support::until_some;

use crate::embedded::{JsonRun, keys};
use crate::put_back::repair;
use crate::world::{Place, SOON, script};

fn registry(place: &Place) -> PathBuf {
    place.out().join(".igentai/store.redb")
}

/// Writes over all pages but the first.
fn damage(place: &Place) {
    let mut file = std::fs::File::options().write(true).open(registry(place)).unwrap();
    let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
    file.seek(SeekFrom::Start(4_096)).unwrap();
    let noise: Vec<u8> = (4_096..length).map(|place| u8::try_from(place * 7_919 % 251).unwrap()).collect();
    file.write_all(&noise).unwrap();
}

/// From now on no file of the process grows beyond so many bytes.
fn limit_files(run: &JsonRun, bytes: &str) {
    let (pid, limit) = (run.process.id().to_string(), format!("--fsize={bytes}"));
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
}

const RUN: [&str; 6] = ["Sights", "--no-web", "-n", "2", "--max-attributes", "60"];

#[tokio::test]
async fn a_damaged_registry_ends_the_run_with_words_that_bring_back_what_the_files_hold() {
    let place = Place::new(script(400, 2)).await;
    let config = place.config("m");
    JsonRun::start(&place, &config, &RUN).finished().await;
    let lines = place.lines("sights");
    damage(&place);
    let before = std::fs::read(registry(&place)).unwrap();
    let mut command = place.command(&["repair", "--embedded", "--config"]);
    command.arg(&config);
    let (code, told) = repair(command, &[]);
    assert_eq!(code, Some(4), "{told}");
    let mut run = JsonRun::start(&place, &config, &RUN);
    assert_eq!(run.code().await, Some(4), "{}", run.process.tail());
    for said in [told, run.process.tail()] {
        assert!(said.contains("outputs/.igentai/store.redb is damaged"), "{said}");
        assert!(said.contains("`igentai repair --embedded --from files --foreign --yes`"), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    assert_eq!(std::fs::read(registry(&place)).unwrap(), before, "it stays as it is");

    std::fs::rename(registry(&place), place.out().join(".igentai/damaged")).unwrap();
    let arguments = ["repair", "--embedded", "--from", "files", "--foreign", "--yes", "--config"];
    let mut command = place.command(&arguments);
    command.arg(&config);
    let (code, said) = repair(command, &[]);
    assert_eq!(code, Some(0), "{said}");
    let arguments = ["Sights", "--no-web", "--resume", "--max-attributes", "100"];
    let finished = JsonRun::start(&place, &config, &arguments).finished().await;
    assert_eq!((&finished["attributes"], &finished["run"]), (&100.into(), &1.into()), "{finished}");
    assert_eq!(place.lines("sights")[..60], lines[..]);
    assert_eq!(keys(&place.lines("sights")).len(), 100, "no key twice");
}

#[tokio::test]
async fn a_registry_that_is_found_damaged_in_mid_run_ends_it_at_once() {
    let place = Place::new(script(4_000, 20)).await;
    let mut run = JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "-n", "2"]);
    run.until_attributes(50).await;
    damage(&place);
    // It is opened anew after a write that failed.
    limit_files(&run, "1000");
    assert_eq!(run.code().await, Some(4), "{}", run.process.tail());
    assert!(run.process.tail().contains("outputs/.igentai/store.redb is damaged"), "{}", run.process.tail());
}

#[tokio::test]
async fn a_file_that_may_not_grow_any_more_is_told_of_like_a_full_disk_and_interrupted_by_one_signal() {
    let place = Place::new(script(4_000, 20)).await;
    let mut run = JsonRun::start(&place, &place.config("m"), &["Sights", "--no-web", "-n", "2"]);
    run.until_attributes(50).await;
    // What is there may be written to, and standard output is a smaller file.
    limit_files(&run, &std::fs::metadata(registry(&place)).unwrap().len().to_string());
    let told = || async {
        let last = run.events().into_iter().rfind(|event| event["event"] == "progress")?;
        last["problem"].as_str().is_some_and(|problem| problem.contains("File too large")).then_some(())
    };
    assert!(until_some(SOON, told).await.is_ok(), "{}", run.process.tail());
    let pid = run.process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    // Whether answers that were under way still found room in the file is chance: 1 when some did not.
    let code = run.code().await;
    assert!(matches!(code, Some(1 | 130)), "{code:?}: {}", run.process.tail());
    assert!(run.process.tail().contains("File too large"), "{}", run.process.tail());
}
