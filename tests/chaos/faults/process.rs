//! Faults of one process.

use std::process::Command;

use crate::system::System;

faults! {
    /// What happens to a process.
    ProcessFault {
        /// SIGKILL, and a new life under the same id after a moment.
        Killed = "killed",
        /// SIGSTOP for longer than the lease, and than a producer may be silent.
        Paused = "paused past its lease",
        /// SIGTERM, and a new life.
        Stopped = "stopped (SIGTERM)",
        /// No descriptor more than it has.
        NoDescriptors = "without a free descriptor",
        /// Its wall clock is an hour ahead.
        ClockAhead = "with a clock that jumps an hour ahead",
        /// Its wall clock is an hour behind.
        ClockBehind = "with a clock that jumps an hour back",
    }
}

impl ProcessFault {
    pub(crate) const fn is_of_the_clock(self) -> bool {
        matches!(self, Self::ClockAhead | Self::ClockBehind)
    }

    pub(crate) const fn lasts(self) -> (u64, u64) {
        match self {
            Self::Killed | Self::Stopped => (200, 1_500),
            Self::Paused => (2_500, 4_000),
            Self::NoDescriptors | Self::ClockAhead | Self::ClockBehind => (1_500, 3_000),
        }
    }

    pub(crate) fn begin(self, system: &mut System, place: usize) {
        match self {
            Self::Killed => system.kill(place),
            Self::Paused => system.process(place).pause().unwrap(),
            Self::Stopped => system.process(place).terminate().unwrap(),
            Self::NoDescriptors => {
                let pid = system.members[place].pid();
                let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
                limit_descriptors(pid, open);
                // What it has goes, too, so that it needs new ones.
                system.members[place].amqp.reset_all();
                system.members[place].redis.reset_all();
            }
            Self::ClockAhead => system.set_clock(place, 3_600),
            Self::ClockBehind => system.set_clock(place, -3_600),
        }
    }

    pub(crate) fn end(self, system: &mut System, place: usize) {
        match self {
            Self::Killed | Self::Stopped => {}
            Self::Paused => system.process(place).resume().unwrap(),
            Self::NoDescriptors => limit_descriptors(system.members[place].pid(), 1_024),
            Self::ClockAhead | Self::ClockBehind => system.set_clock(place, 0),
        }
    }

    /// The answer is why one that was told to stop did not leave in order.
    pub(crate) async fn replace(self, system: &mut System, place: usize) -> Result<(), String> {
        let left = match self {
            Self::Killed => Ok(()),
            Self::Stopped => system.until_stopped(place).await,
            Self::Paused | Self::NoDescriptors | Self::ClockAhead | Self::ClockBehind => return Ok(()),
        };
        system.launch(place);
        left
    }
}

/// Sets the soft limit of a running process.
fn limit_descriptors(pid: u32, most: usize) {
    let limit = format!("--nofile={most}:");
    let status = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().unwrap();
    assert!(status.success(), "prlimit {limit} of {pid}: {status}");
}
