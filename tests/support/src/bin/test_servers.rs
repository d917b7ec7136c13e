//! Runs the servers that the tests of a run share.
//!
//! With a command, runs it with the servers in its environment, ends them, and exits as the command did:
//! `igentai-test-servers cargo nextest run`. A RabbitMQ that the environment names already is left to it. Without a
//! command, prints the environment as `export` lines, then waits until its standard input closes, or for SIGTERM or
//! SIGINT.

use std::{
    error::Error,
    io::{self, Write},
    process::{Command, ExitCode, ExitStatus},
};

use igentai_test_support::servers::{AMQP_URL_VARIABLE, MANAGEMENT_URL_VARIABLE, RabbitMq};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    // Before the servers, so that an early signal still ends them.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    tokio::select! {
        code = serve(std::env::args().skip(1).collect()) => code,
        () = stop => Ok(ExitCode::from(143)),
    }
}

/// The broker is killed when this ends or is dropped.
async fn serve(command: Vec<String>) -> Result<ExitCode, Box<dyn Error>> {
    let is_named = std::env::var_os(AMQP_URL_VARIABLE).is_some_and(|url| !url.is_empty());
    let own = if is_named && !command.is_empty() { None } else { Some(RabbitMq::start().await?) };
    let environment = own.iter().flat_map(|broker| {
        let management_url = broker.management_url().unwrap_or_default();
        [(AMQP_URL_VARIABLE, broker.amqp_url()), (MANAGEMENT_URL_VARIABLE, management_url)]
    });
    if let Some((program, arguments)) = command.split_first() {
        let mut command = Command::new(program);
        command.args(arguments).envs(environment);
        let mut child = tokio::process::Command::from(command).kill_on_drop(true).spawn()?;
        return Ok(exit_code(child.wait().await?));
    }
    for (name, value) in environment {
        writeln!(io::stdout(), "export {name}='{value}'")?;
    }
    io::stdout().flush()?;
    // A thread and not a blocking task, which the runtime would wait for after a signal.
    let (closed, until_closed) = oneshot::channel();
    std::thread::spawn(move || closed.send(io::copy(&mut io::stdin(), &mut io::sink())));
    until_closed.await??;
    Ok(ExitCode::SUCCESS)
}

fn exit_code(status: ExitStatus) -> ExitCode {
    match status.code() {
        Some(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        None => ExitCode::FAILURE,
    }
}
