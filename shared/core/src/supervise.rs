//! The supervisor of child processes: in which order they start and stop, what becomes of one that dies.
//!
//! Children belong to stages. A stage starts when every child of the earlier ones is ready; stages stop in the reverse order, each
//! before the next is told. A child that dies is started again after a growing pause, its healthy siblings are left alone. One that
//! says by its exit code that nothing but a person can help ends everything.

use std::time::Duration;

use crate::time::Monotonic;

/// The pause before the first restart; it doubles with every further one.
pub const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// A child that lived so long takes one step of the pause back; twice as long, two.
pub const HEALTHY_AFTER: Duration = Duration::from_mins(1);

/// How long a stage may take to stop before it is killed.
pub const STOP_DEADLINE: Duration = Duration::from_secs(25);

/// Exit codes that a restart does not help: the configuration, the store.
const HOPELESS: [i32; 2] = [2, 4];

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With this exit code.
    Code(i32),
    /// By a signal, or without ever having started.
    Broken,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The supervisor begins.
    Start,
    /// The child says that it can work.
    Ready(usize),
    /// The child is gone.
    Gone(usize, Ended),
    /// Somebody asks to stop.
    Stop,
    /// Somebody asks to stop at once.
    StopNow,
    /// A deadline may have passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start the child.
    Spawn(usize),
    /// Ask it to stop.
    Terminate(usize),
    /// End it.
    Kill(usize),
    /// Say that it is started again after this pause.
    WillRestart(usize, Duration),
    /// Say that it ended with a code that a restart does not help, so that everything stops.
    GiveUp(usize, i32),
    /// Say that all are ready, for the first time.
    AllReady,
    /// All are gone; nothing follows.
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before its first start, and after its end.
    Out,
    /// Started, and not heard of yet.
    Starting { since: Monotonic },
    /// Was ready.
    Ready { since: Monotonic },
    /// Died; is started again then.
    Pausing { until: Monotonic },
    /// Asked to stop; killed then.
    Stopping { until: Monotonic },
    /// Killed, not gone yet.
    Killed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Up,
    Down,
    Over,
}

#[derive(Clone, Copy, Debug)]
struct Child {
    stage: u8,
    state: State,
    failures: u32,
}

impl Child {
    const fn runs(&self) -> bool {
        matches!(
            self.state,
            State::Starting { .. } | State::Ready { .. } | State::Stopping { .. } | State::Killed
        )
    }
}

/// Decides about children that are named by their number, from 0.
#[derive(Clone, Debug)]
pub struct Supervisor {
    children: Vec<Child>,
    phase: Phase,
    /// Children of later stages have not been started.
    reached: Option<u8>,
    said_ready: bool,
    failed: Option<(usize, i32)>,
    killed: bool,
}

impl Supervisor {
    /// One entry a child: its stage.
    #[must_use]
    pub fn new(stages: impl IntoIterator<Item = u8>) -> Self {
        let children = stages.into_iter().map(|stage| Child { stage, state: State::Out, failures: 0 });
        Self {
            children: children.collect(),
            phase: Phase::Up,
            reached: None,
            said_ready: false,
            failed: None,
            killed: false,
        }
    }

    /// The child that a restart does not help, and its exit code.
    #[must_use]
    pub const fn failed(&self) -> Option<(usize, i32)> {
        self.failed
    }

    /// Whether a child had to be killed.
    #[must_use]
    pub const fn killed(&self) -> bool {
        self.killed
    }

    /// When to come back with [`Event::Tick`] at the latest.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Monotonic> {
        let until = |child: &Child| match child.state {
            State::Pausing { until } | State::Stopping { until } => Some(until),
            State::Out | State::Starting { .. } | State::Ready { .. } | State::Killed => None,
        };
        self.children.iter().filter_map(until).min()
    }

    /// Takes an event in and says what to do, in this order.
    pub fn handle(&mut self, event: Event, now: Monotonic) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Start | Event::Tick => {}
            Event::Ready(child) => self.ready(child),
            Event::Gone(child, ended) => self.gone(child, ended, now, &mut actions),
            Event::Stop => self.stop(),
            Event::StopNow => self.stop_now(&mut actions),
        }
        match self.phase {
            Phase::Up => self.go_up(now, &mut actions),
            Phase::Down => self.go_down(now, &mut actions),
            Phase::Over => {}
        }
        actions
    }

    fn ready(&mut self, number: usize) {
        if let Some(child) = self.children.get_mut(number)
            && let State::Starting { since } = child.state
        {
            child.state = State::Ready { since };
        }
    }

    fn gone(&mut self, number: usize, ended: Ended, now: Monotonic, actions: &mut Vec<Action>) {
        let Some(child) = self.children.get_mut(number) else { return };
        let (State::Starting { since } | State::Ready { since }) = child.state else {
            child.state = State::Out;
            return;
        };
        child.state = State::Out;
        if let Ended::Code(code) = ended
            && HOPELESS.contains(&code)
        {
            self.failed = Some((number, code));
            actions.push(Action::GiveUp(number, code));
            self.stop();
        } else if self.phase == Phase::Up {
            let healthy = now.since(since).as_millis() / HEALTHY_AFTER.as_millis();
            child.failures = child.failures.saturating_sub(u32::try_from(healthy).unwrap_or(u32::MAX));
            let pause = FIRST_PAUSE.saturating_mul(1 << child.failures.min(16)).min(LONGEST_PAUSE);
            child.failures = child.failures.saturating_add(1);
            child.state = State::Pausing { until: now + pause };
            actions.push(Action::WillRestart(number, pause));
        }
    }

    /// Those that pause are not started again.
    fn stop(&mut self) {
        if self.phase == Phase::Up {
            self.phase = Phase::Down;
        }
        for child in &mut self.children {
            if matches!(child.state, State::Pausing { .. }) {
                child.state = State::Out;
            }
        }
    }

    fn stop_now(&mut self, actions: &mut Vec<Action>) {
        self.stop();
        for number in 0..self.children.len() {
            self.kill(number, actions);
        }
    }

    fn kill(&mut self, number: usize, actions: &mut Vec<Action>) {
        if let Some(child) = self.children.get_mut(number).filter(|child| child.runs()) {
            child.state = State::Killed;
            self.killed = true;
            actions.push(Action::Kill(number));
        }
    }

    fn go_up(&mut self, now: Monotonic, actions: &mut Vec<Action>) {
        let is_ready = |child: &Child| matches!(child.state, State::Ready { .. });
        for (number, child) in self.children.iter_mut().enumerate() {
            if matches!(child.state, State::Pausing { until } if until <= now) {
                child.state = State::Starting { since: now };
                actions.push(Action::Spawn(number));
            }
        }
        let reached = self.reached;
        let not_begun = |child: &&Child| reached.is_none_or(|reached| child.stage > reached);
        let next = self.children.iter().filter(not_begun).map(|child| child.stage).min();
        let Some(next) = next else {
            if !self.said_ready && self.children.iter().all(is_ready) {
                self.said_ready = true;
                actions.push(Action::AllReady);
            }
            return;
        };
        if self.children.iter().filter(|child| child.stage < next).all(is_ready) {
            self.reached = Some(next);
            for (number, child) in self.children.iter_mut().enumerate().filter(|(_, one)| one.stage == next) {
                child.state = State::Starting { since: now };
                actions.push(Action::Spawn(number));
            }
        }
    }

    /// The last stage that still runs is asked to stop, and killed when it takes too long.
    fn go_down(&mut self, now: Monotonic, actions: &mut Vec<Action>) {
        let last = self.children.iter().filter(|child| child.runs()).map(|child| child.stage).max();
        let Some(last) = last else {
            self.phase = Phase::Over;
            actions.push(Action::Done);
            return;
        };
        for number in 0..self.children.len() {
            let Some(child) = self.children.get_mut(number).filter(|child| child.stage == last) else {
                continue;
            };
            match child.state {
                State::Starting { .. } | State::Ready { .. } => {
                    child.state = State::Stopping { until: now + STOP_DEADLINE };
                    actions.push(Action::Terminate(number));
                }
                State::Stopping { until } if until <= now => self.kill(number, actions),
                State::Out | State::Pausing { .. } | State::Stopping { .. } | State::Killed => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
