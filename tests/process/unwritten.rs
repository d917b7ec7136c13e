//! Where standard output ends nowhere: what could not be said is no success.

use igentai_test_support::process::Process;

use crate::world::{Place, SOON, script};

/// The program with its standard output on a device that takes nothing, through a shell.
async fn unwritten(place: &Place, arguments: &[&str]) -> (Option<i32>, String) {
    let program = place.command(&[]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", r#"exec "$0" "$@" > /dev/full"#]).arg(program.get_program()).args(arguments);
    command.current_dir(place.path());
    let mut process = Process::spawn(command).unwrap();
    let code = process.wait(SOON).await.unwrap().code();
    (code, process.tail())
}

#[tokio::test]
async fn a_command_whose_output_cannot_be_written_says_so_once_and_fails() {
    let place = Place::new(script(1, 0)).await;
    let config = place.path().join("igentai.toml");
    std::fs::write(&config, "[providers.demo]\nkind = \"demo\"\n").unwrap();
    for arguments in [
        &["config", "example"][..],
        &["config", "check"],
        &["config", "show"],
        &["doctor"],
        &["bench", "--seconds", "1", "--json"],
        &["help"],
        &["--version"],
        &["run", "Chemical elements", "--max-requests", "1", "--no-web", "--json"],
    ] {
        let (code, said) = unwritten(&place, arguments).await;
        assert_eq!(code, Some(1), "{arguments:?}: {said}");
        let count = said.matches("standard output cannot be written: No space left on device").count();
        assert_eq!(count, 1, "{arguments:?}: {said}");
    }
    std::fs::write(&config, "[run]\nproducers = 0\n").unwrap();
    assert_eq!(unwritten(&place, &["doctor"]).await.0, Some(2), "a wrong configuration says more");
}

#[tokio::test]
async fn a_reader_that_went_away_is_no_failure() {
    let place = Place::new(script(1, 0)).await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = place.command(&["config", "example"]).stdout(writer).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
