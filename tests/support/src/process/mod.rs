//! A program under test as a child process.

mod group;

use std::{
    collections::VecDeque,
    io::{self, BufRead, BufReader, Read},
    process::{Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rustix::process::Signal;

pub use self::group::Group;
use crate::poll::until_some;

/// Lines kept of a child's output; the oldest go first.
const LINES_KEPT: usize = 20_000;
/// Lines shown in an error.
const LINES_SHOWN: usize = 40;

/// What went wrong with a child process. The end of its output is part of the message.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started, signalled or waited for.
    #[error("the program {program} could not be started or controlled")]
    Io {
        /// The program's path.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The line did not come in time.
    #[error("no line with {pattern:?} within {deadline:?}; the output ends with:\n{tail}")]
    NoLine {
        /// What was looked for.
        pattern: String,
        /// How long.
        deadline: Duration,
        /// The end of the output.
        tail: String,
    },
    /// The process ended before the line came.
    #[error("ended with {status} before a line with {pattern:?}; the output ends with:\n{tail}")]
    Ended {
        /// What was looked for.
        pattern: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of the output.
        tail: String,
    },
    /// The process did not end in time.
    #[error("still running after {deadline:?}; the output ends with:\n{tail}")]
    StillRunning {
        /// How long.
        deadline: Duration,
        /// The end of the output.
        tail: String,
    },
}

/// A running program whose output is collected in the background. Killed with its process group on drop.
#[derive(Debug)]
pub struct Process {
    program: String,
    group: Group,
    output: Arc<Mutex<Output>>,
}

#[derive(Debug, Default)]
struct Output {
    lines: VecDeque<String>,
    /// The pipes that have not reached their end.
    open: usize,
}

impl Process {
    /// Starts the command with its output collected and nothing on its standard input.
    pub fn spawn(mut command: Command) -> Result<Self, ProcessError> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::spawn(&mut command)
            .map_err(|source| ProcessError::Io { program: program.clone(), source })?;
        let output = Arc::new(Mutex::new(Output { lines: VecDeque::new(), open: 2 }));
        if let Some(stdout) = group.leader().stdout.take() {
            collect(stdout, Arc::clone(&output));
        }
        if let Some(stderr) = group.leader().stderr.take() {
            collect(stderr, Arc::clone(&output));
        }
        Ok(Self { program, group, output })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.group.id()
    }

    /// The collected lines of both streams, in the order in which they were read.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.output().lines.iter().cloned().collect()
    }

    /// The end of the output, for messages.
    #[must_use]
    pub fn tail(&self) -> String {
        let output = self.output();
        let skipped = output.lines.len().saturating_sub(LINES_SHOWN);
        output.lines.iter().skip(skipped).cloned().collect::<Vec<_>>().join("\n")
    }

    /// Waits for the first line that contains `pattern`, those already written included, and returns it.
    pub async fn wait_for_line(&mut self, pattern: &str, deadline: Duration) -> Result<String, ProcessError> {
        let found = until_some(deadline, || {
            let look = self.look_for(pattern);
            async move { look }
        })
        .await;
        match found {
            Ok(Look::Line(line)) => Ok(line),
            Ok(Look::Ended(status)) => {
                Err(ProcessError::Ended { pattern: pattern.to_owned(), status, tail: self.tail() })
            }
            Ok(Look::Failed(source)) => Err(self.io(source)),
            Err(_) => Err(ProcessError::NoLine { pattern: pattern.to_owned(), deadline, tail: self.tail() }),
        }
    }

    /// Asks the process to end (SIGTERM to it alone, as a container's runtime does).
    pub fn terminate(&mut self) -> Result<(), ProcessError> {
        self.group.signal(Signal::TERM).map_err(|source| self.io(source))
    }

    /// Kills the process group (SIGKILL) and waits until the process is gone.
    pub fn kill(&mut self) -> Result<(), ProcessError> {
        self.group.kill().map_err(|source| self.io(source))
    }

    /// Stops the process group where it is (SIGSTOP).
    pub fn pause(&mut self) -> Result<(), ProcessError> {
        self.group.signal_all(Signal::STOP).map_err(|source| self.io(source))
    }

    /// Lets the process group go on (SIGCONT).
    pub fn resume(&mut self) -> Result<(), ProcessError> {
        self.group.signal_all(Signal::CONT).map_err(|source| self.io(source))
    }

    /// Whether the process has not ended.
    pub fn is_running(&mut self) -> Result<bool, ProcessError> {
        self.group.status().map(|status| status.is_none()).map_err(|source| self.io(source))
    }

    /// Waits for the end of the process and of its output.
    pub async fn wait(&mut self, deadline: Duration) -> Result<ExitStatus, ProcessError> {
        let ended = until_some(deadline, || {
            let status = self.group.status().transpose();
            // A line written just before the end is still on its way from the pipe.
            let drained = self.output().open == 0;
            async move { status.filter(|status| status.is_err() || drained) }
        })
        .await;
        match ended {
            Ok(status) => status.map_err(|source| self.io(source)),
            Err(_) => Err(ProcessError::StillRunning { deadline, tail: self.tail() }),
        }
    }

    fn look_for(&mut self, pattern: &str) -> Option<Look> {
        let status = match self.group.status() {
            Ok(status) => status,
            Err(error) => return Some(Look::Failed(error)),
        };
        let output = self.output();
        if let Some(line) = output.lines.iter().find(|line| line.contains(pattern)) {
            return Some(Look::Line(line.clone()));
        }
        status.filter(|_| output.open == 0).map(Look::Ended)
    }

    fn output(&self) -> MutexGuard<'_, Output> {
        lock(&self.output)
    }

    fn io(&self, source: io::Error) -> ProcessError {
        ProcessError::Io { program: self.program.clone(), source }
    }
}

enum Look {
    Line(String),
    Ended(ExitStatus),
    Failed(io::Error),
}

/// Reads a pipe to its end on a thread of its own, so that the child never waits for us.
fn collect(pipe: impl Read + Send + 'static, output: Arc<Mutex<Output>>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(pipe);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
            let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
            line.clear();
            let mut output = lock(&output);
            if output.lines.len() == LINES_KEPT {
                output.lines.pop_front();
            }
            output.lines.push_back(text);
        }
        lock(&output).open -= 1;
    });
}

fn lock(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}
