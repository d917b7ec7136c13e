//! A child in a process group of its own, ended together with us.

use std::{
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal};

use crate::poll::{DeadlinePassed, eventually_blocking, until_some};

/// Waits for the end of its standard input, which comes when our process is gone, then kills the group and removes
/// its folder, in which another group may still be writing.
const GUARD: &str = r#"
    read -r _
    kill -s KILL -- "-$0" 2>/dev/null
    [ -n "$1" ] || exit 0
    for _ in 1 2 3 4 5; do rm -rf -- "$1" && exit 0; sleep 0.2; done
"#;

/// How long a killed process is given to disappear.
const REAP: Duration = Duration::from_secs(5);

/// A child process and its descendants, as far as they stay in its process group.
///
/// The group is killed on drop. Nothing is dropped in a process that is killed itself (nextest does that to a test
/// that takes too long), and a parent-death signal would need unsafe code: a guard, a shell that waits for its
/// standard input to be closed, kills the group then.
#[derive(Debug)]
pub struct Group {
    leader: Child,
    guard: Child,
    pid: Pid,
    ended: Option<ExitStatus>,
}

impl Group {
    /// Starts the command as the leader of a new group. Its standard streams are those set on the command.
    pub fn spawn(command: &mut Command) -> io::Result<Self> {
        Self::spawn_with_folder(command, "".as_ref())
    }

    /// [`Group::spawn`], with a folder that is removed when our process is killed. It is left alone otherwise: a
    /// `TempDir` removes itself on drop.
    pub(crate) fn spawn_with_folder(command: &mut Command, folder: &Path) -> io::Result<Self> {
        let mut leader = command.process_group(0).spawn()?;
        let pid = Pid::from_child(&leader);
        let guard = Command::new("/bin/sh")
            .args(["-c", GUARD, &pid.as_raw_nonzero().to_string()])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match guard {
            Ok(guard) => Ok(Self { leader, guard, pid, ended: None }),
            Err(error) => {
                leader.kill()?;
                leader.wait()?;
                Err(error)
            }
        }
    }

    /// The process id of the leader, which is also the id of the group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.leader.id()
    }

    /// The leader, to take its pipes from.
    pub(crate) fn leader(&mut self) -> &mut Child {
        &mut self.leader
    }

    /// Sends a signal to the leader alone, as a container's runtime does. Nothing happens when it has ended.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        if self.status()?.is_some() {
            return Ok(());
        }
        Ok(rustix::process::kill_process(self.pid, signal)?)
    }

    /// Sends a signal to the whole group. Nothing happens when it has ended.
    pub fn signal_all(&mut self, signal: Signal) -> io::Result<()> {
        if self.status()?.is_some() {
            return Ok(());
        }
        Ok(rustix::process::kill_process_group(self.pid, signal)?)
    }

    /// How the leader ended, or `None` while it runs. What it leaves behind in its group is killed.
    pub fn status(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none()
            && let Some(status) = self.leader.try_wait()?
        {
            self.ended = Some(status);
            self.sweep();
        }
        Ok(self.ended)
    }

    /// Waits for the leader's end.
    pub async fn wait(&mut self, deadline: Duration) -> Result<io::Result<ExitStatus>, DeadlinePassed> {
        until_some(deadline, || {
            let status = self.status().transpose();
            async move { status }
        })
        .await
    }

    /// Kills the group and waits until its leader is gone.
    pub fn kill(&mut self) -> io::Result<()> {
        self.signal_all(Signal::KILL)?;
        let gone = eventually_blocking(REAP, || !matches!(self.status(), Ok(None)));
        if gone {
            Ok(())
        } else {
            Err(io::Error::new(io::ErrorKind::TimedOut, "a killed process does not end"))
        }
    }

    /// After the leader's end: its id may be given to another process once the group is empty, so nothing is sent
    /// to it later than now, by us or by the guard.
    fn sweep(&mut self) {
        // An empty group is the usual case, and an error then.
        rustix::process::kill_process_group(self.pid, Signal::KILL).ok();
        self.guard.kill().ok();
        self.guard.wait().ok();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // There is nobody to tell, and the guard tries again when our end of its pipe closes.
        self.kill().ok();
    }
}
