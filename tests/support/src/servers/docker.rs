//! A server in a container, where its program is not installed.
//!
//! The `docker` program is run directly: five of its commands are needed here, and the testcontainers crate, which
//! speaks to the engine itself, would bring some eighty crates into every build of the tests for them.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use super::{
    ServerError,
    command::{COMMAND_DEADLINE, find_program, run},
};

/// An engine that is there answers at once.
const ENGINE_DEADLINE: Duration = Duration::from_secs(2);
/// A first start fetches the image.
const START_DEADLINE: Duration = Duration::from_mins(5);

/// A container with fixed ports, removed on drop.
#[derive(Debug)]
pub(crate) struct Container {
    id: String,
}

impl Container {
    /// Whether a Docker engine answers.
    pub(crate) async fn engine_answers() -> bool {
        find_program("docker").is_some() && run(docker(&["info"]), ENGINE_DEADLINE).await.is_ok()
    }

    /// Starts a container. `options` are those of `docker run`, `arguments` go to the image's entry point.
    ///
    /// Without `--rm`: a killed container is started again with its data. Ports are chosen by the caller, since
    /// Docker would choose others at every start.
    pub(crate) async fn start(
        options: &[&str],
        image: &str,
        arguments: &[&str],
    ) -> Result<Self, ServerError> {
        let words = [&["run", "--detach"], options, &[image], arguments].concat();
        let id = run(docker(&words), START_DEADLINE).await?.trim().to_owned();
        Ok(Self { id })
    }

    /// Runs a program inside and returns its standard output.
    pub(crate) async fn exec(&self, words: &[&str]) -> Result<String, ServerError> {
        run(docker(&[&["exec", &self.id], words].concat()), COMMAND_DEADLINE).await
    }

    /// `kill`, `stop`, `start`, `pause` or `unpause`.
    pub(crate) async fn tell(&self, what: &str) -> Result<(), ServerError> {
        run(docker(&[what, &self.id]), COMMAND_DEADLINE).await.map(drop)
    }

    /// The end of what the server printed.
    pub(crate) async fn log_tail(&self) -> String {
        run(docker(&["logs", "--tail", "40", &self.id]), COMMAND_DEADLINE)
            .await
            .unwrap_or_else(|error| format!("(no log: {error})"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // There is nobody to tell.
        Command::new("docker")
            .args(["rm", "--force", "--volumes", &self.id])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .ok();
    }
}

fn docker(words: &[&str]) -> tokio::process::Command {
    let mut command = tokio::process::Command::new("docker");
    command.args(words);
    command
}
