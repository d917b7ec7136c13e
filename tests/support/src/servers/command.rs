//! Programs that run to their end: finding them, running them with a deadline.

use std::{path::PathBuf, process::Stdio, time::Duration};

use tokio::process::Command;

use super::ServerError;

/// Long enough for rabbitmqctl, which starts an Erlang machine, on a loaded computer.
pub(crate) const COMMAND_DEADLINE: Duration = Duration::from_mins(1);

/// Where an executable is, as the shell would find it. Debian keeps servers in sbin, which users may lack.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/bin"), PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
}

/// Runs a command to its end and returns its standard output. Killed at the deadline.
pub(crate) async fn run(mut command: Command, deadline: Duration) -> Result<String, ServerError> {
    let line = describe(&command);
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(deadline, command.output())
        .await
        .map_err(|_| ServerError::Deadline { command: line.clone(), deadline })?
        .map_err(ServerError::io(line.clone()))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let output_text = stdout + &String::from_utf8_lossy(&output.stderr);
    Err(ServerError::Command { command: line, status: output.status, output: output_text })
}

fn describe(command: &Command) -> String {
    let command = command.as_std();
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
