//! Children are started, watched and ended.
#![expect(clippy::expect_used, reason = "a test says what it expects")]

use std::{os::unix::process::ExitStatusExt, path::Path, process::Command, time::Duration};

use igentai_test_support::{
    eventually,
    process::{Process, ProcessError},
    servers::{AMQP_URL_VARIABLE, MANAGEMENT_URL_VARIABLE},
};

const SOON: Duration = Duration::from_secs(10);

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// Whether the process exists; one that has ended and was not waited for does not count.
fn runs(id: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, fields)| !fields.starts_with(['Z', 'X']))
}

#[tokio::test]
async fn lines_of_both_streams_are_collected() -> Result<(), ProcessError> {
    let mut process = Process::spawn(shell("echo one; echo two >&2; printf three; exit 4"))?;
    assert_eq!(process.wait_for_line("wo", SOON).await?, "two");
    assert_eq!(process.wait(SOON).await?.code(), Some(4));
    let mut lines = process.lines();
    lines.sort();
    assert_eq!(lines, ["one", "three", "two"]);
    Ok(())
}

#[tokio::test]
async fn a_missing_line_is_reported_with_the_output() -> Result<(), ProcessError> {
    let mut process = Process::spawn(shell("echo cannot bind; exit 3"))?;
    let error = process.wait_for_line("listening", SOON).await.expect_err("no such line");
    assert!(matches!(error, ProcessError::Ended { .. }), "{error}");
    assert!(error.to_string().contains("cannot bind"), "{error}");
    Ok(())
}

#[tokio::test]
async fn sigterm_reaches_the_program_which_ends_as_it_likes() -> Result<(), ProcessError> {
    let script = "trap 'echo bye; exit 7' TERM; echo ready; while :; do sleep 0.05; done";
    let mut process = Process::spawn(shell(script))?;
    process.wait_for_line("ready", SOON).await?;
    process.terminate()?;
    assert_eq!(process.wait(SOON).await?.code(), Some(7));
    assert!(process.lines().contains(&"bye".to_owned()), "{:?}", process.lines());
    Ok(())
}

#[tokio::test]
async fn a_kill_takes_the_descendants_too() -> Result<(), ProcessError> {
    let mut process = Process::spawn(shell("sleep 600 & echo child $!; wait"))?;
    let line = process.wait_for_line("child", SOON).await?;
    let child = line.trim_start_matches("child ").to_owned();
    assert!(runs(&child), "{child}");
    process.kill()?;
    assert_eq!(process.wait(SOON).await?.signal(), Some(9));
    eventually(SOON, || async { !runs(&child) }).await.expect("killed");
    Ok(())
}

#[tokio::test]
async fn a_paused_process_is_silent_until_it_goes_on() -> Result<(), ProcessError> {
    let mut process = Process::spawn(shell("echo ready; while :; do echo tick; sleep 0.02; done"))?;
    process.wait_for_line("ready", SOON).await?;
    process.pause()?;
    let before = process.lines().len();
    let more = eventually(Duration::from_millis(200), || async { process.lines().len() > before + 2 }).await;
    assert!(more.is_err(), "silent but for what was in the pipe");
    process.resume()?;
    eventually(SOON, || async { process.lines().len() > before + 2 }).await.expect("goes on");
    Ok(())
}

#[tokio::test]
async fn the_drop_ends_the_process() -> Result<(), ProcessError> {
    let process = Process::spawn(shell("sleep 600"))?;
    let id = process.id().to_string();
    assert!(runs(&id));
    drop(process);
    assert!(!runs(&id));
    Ok(())
}

/// What a test that takes too long comes to: nothing is dropped in it. Its place is taken by a program here.
#[tokio::test]
async fn servers_end_when_the_process_that_started_them_is_killed() -> Result<(), ProcessError> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_igentai-test-servers"));
    command.args(["sh", "-c", "echo amqp $IGENTAI_TEST_AMQP_URL; exec sleep 600"]);
    let folder = tempfile::tempdir().expect("a folder");
    command.env("TMPDIR", folder.path());
    // Its own, even where the tests have one already.
    command.env_remove(AMQP_URL_VARIABLE).env_remove(MANAGEMENT_URL_VARIABLE);
    let mut process = Process::spawn(command)?;
    let line = process.wait_for_line("amqp ", Duration::from_secs(90)).await?;
    let port = line.rsplit(':').next().and_then(|end| end.split('/').next()).expect("a port").to_owned();
    let address = format!("127.0.0.1:{port}");
    assert!(std::net::TcpStream::connect(&address).is_ok(), "{address}");
    process.kill()?;
    eventually(SOON, || async { std::net::TcpStream::connect(&address).is_err() }).await.expect("ended");
    let servers_folder_is_gone = || {
        let entries = std::fs::read_dir(folder.path()).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let gone = !names.any(|name| name.starts_with("igentai-rabbitmq-"));
        async move { gone }
    };
    eventually(SOON, servers_folder_is_gone).await.expect("nothing is left behind");
    Ok(())
}
