//! `igentai up`: orchestrator, webserver and producers as child processes of this one, supervised.
//!
//! What is decided stands in [`igentai_core::supervise`]; here processes are started, listened to, probed and signalled.

use std::net::SocketAddr;
use std::sync::Arc;

use igentai_core::supervise::{Action, Ended, Event, Supervisor};
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::{Config, Keys};
use igentai_shared::id;
use igentai_shared::shutdown::Shutdown;
use igentai_shared::telemetry::logging;
use tokio::sync::mpsc;

use crate::cli::{Common, Up};
use crate::exit::{Exit, Failure};
use crate::parts::{self, Door};
use crate::{output, roles, settings};

mod child;
mod probe;

use child::{Child, Plan};

/// Events that wait to be dealt with.
const EVENTS: usize = 256;

pub(crate) async fn up(arguments: Up, common: &Common) -> Result<Exit, Failure> {
    let flags = settings::whole_system(arguments.producers, arguments.port, arguments.out.as_deref());
    let (config, environment) = settings::load(common, &flags, Keys::Needed)?;
    roles::refuse_missing_servers(&config, true)?;
    settings::log(common, &config, &environment, "info", logging::standard_error())?;
    let shutdown = Shutdown::new();
    parts::listen(&shutdown, None)?;
    let page = page_address(&config, &arguments).await?;
    // Somebody else may have an `up` on the same broker.
    let tag = id::random_suffix(&mut parts::random()?);
    let plans = plans(&config, common, &arguments, page, &tag);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let (events, heard) = mpsc::channel(EVENTS);
    let supervisor = Supervisor::new(plans.iter().map(|plan| plan.stage));
    let children = plans.into_iter().map(|plan| Child::new(plan, events.clone())).collect();
    let system = System { supervisor, children, clock, shutdown, page, quiet: common.quiet };
    system.supervise(heard).await
}

/// The page's port is one that people know, so it stays the same when the webserver is started again.
async fn page_address(config: &Config, arguments: &Up) -> Result<SocketAddr, Failure> {
    let door = Door { bind: config.web.bind, port: config.web.port, or_any: arguments.port.is_none() };
    let (listener, address) = parts::open(&door).await?;
    drop(listener);
    Ok(address)
}

/// Which children there are, in the order in which they start.
fn plans(config: &Config, common: &Common, arguments: &Up, page: SocketAddr, tag: &str) -> Vec<Plan> {
    let mut shared: Vec<String> = Vec::new();
    if let Some(file) = &common.config {
        shared.extend(["--config".to_owned(), file.display().to_string()]);
    }
    if common.quiet {
        shared.push("--quiet".to_owned());
    }
    shared.extend((0..common.verbose).map(|_| "--verbose".to_owned()));
    let out = arguments.out.iter().flat_map(|out| ["--out".to_owned(), out.display().to_string()]);
    let with_out: Vec<String> = shared.iter().cloned().chain(out).collect();
    let plan = |name: &str, stage, arguments: &[String], port, fixed| Plan {
        name: name.to_owned(),
        stage,
        arguments: arguments.to_vec(),
        address: SocketAddr::new(config.web.bind, port),
        fixed,
    };
    let mut plans = vec![
        plan("orchestrator", 0, &with_out, other_than(config.orchestrator.port, page.port()), false),
        plan("webserver", 1, &shared, page.port(), true),
    ];
    for number in 1..=config.run.producers {
        let name = format!("producer-{number}");
        let id = ["--producer-id".to_owned(), format!("{name}-{tag}")];
        let arguments: Vec<String> = shared.iter().cloned().chain(id).collect();
        let behind = u16::try_from(number - 1).unwrap_or(u16::MAX);
        let port = other_than(config.producer.port.saturating_add(behind), page.port());
        plans.push(plan(&name, 2, &arguments, port, false));
    }
    plans
}

/// The variable `PORT` is meant for the page and would otherwise be everybody's.
const fn other_than(port: u16, taken: u16) -> u16 {
    if port == taken { 0 } else { port }
}

/// The children, and who decides about them.
struct System {
    supervisor: Supervisor,
    children: Vec<Child>,
    clock: Arc<dyn Clock>,
    shutdown: Shutdown,
    page: SocketAddr,
    quiet: bool,
}

impl System {
    async fn supervise(mut self, mut heard: mpsc::Receiver<(usize, child::Report)>) -> Result<Exit, Failure> {
        let (mut stopping, mut hurrying) = (false, false);
        let mut event = Event::Start;
        loop {
            let now = self.clock.now().monotonic;
            for action in self.supervisor.handle(event, now) {
                if self.act(action) {
                    return self.end();
                }
            }
            let deadline = self.supervisor.next_deadline().map(|at| at.since(self.clock.now().monotonic));
            let tick = async {
                match deadline {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            event = tokio::select! {
                biased;
                () = self.shutdown.now_token().cancelled(), if !hurrying => {
                    hurrying = true;
                    Event::StopNow
                }
                () = self.shutdown.stop_token().cancelled(), if !stopping => {
                    stopping = true;
                    self.say("stopping: producers first, then the webserver, then the orchestrator (Ctrl-C again ends them at once)");
                    Event::Stop
                }
                Some((number, report)) = heard.recv() => self.taken(number, report),
                () = tick => Event::Tick,
            };
        }
    }

    fn taken(&mut self, number: usize, report: child::Report) -> Event {
        let Some(child) = self.children.get_mut(number) else { return Event::Tick };
        match report {
            child::Report::Ready(life) if child.is_in(life) => Event::Ready(number),
            child::Report::Gone(life, ended) if child.is_in(life) => {
                child.forget(ended);
                Event::Gone(number, ended)
            }
            child::Report::Ready(_) | child::Report::Gone(..) => Event::Tick,
        }
    }

    /// Does what was decided; whether that was the last.
    fn act(&mut self, action: Action) -> bool {
        let name = |number: usize| self.children.get(number).map_or("a child", Child::name).to_owned();
        match action {
            Action::Spawn(number) => {
                if let Some(child) = self.children.get_mut(number) {
                    child.spawn(number, self.quiet);
                }
            }
            Action::Terminate(number) => self.signal(number, Child::terminate),
            Action::Kill(number) => {
                output::note(&format!("up: ending {} at once", name(number)));
                self.signal(number, Child::kill);
            }
            Action::WillRestart(number, pause) => {
                let how = self.children.get(number).map(Child::how_it_ended).unwrap_or_default();
                let seconds = pause.as_secs_f64();
                output::note(&format!("up: {} {how}; it is started again in {seconds} s", name(number)));
            }
            Action::GiveUp(number, _) => {
                output::note(&format!("up: {}; everything stops", self.given_up(number)));
            }
            Action::AllReady => {
                let producers = self.children.len().saturating_sub(2);
                let page = probe::reachable(self.page);
                self.say(&format!("everything is up ({producers} producers); page and API on http://{page}"));
            }
            Action::Done => return true,
        }
        false
    }

    fn signal(&self, number: usize, signal: impl Fn(&Child)) {
        if let Some(child) = self.children.get(number) {
            signal(child);
        }
    }

    fn given_up(&self, number: usize) -> String {
        let Some(child) = self.children.get(number) else { return String::new() };
        let why = match self.supervisor.failed() {
            Some((_, 4)) => "cannot use the store as it is",
            _ => "cannot work with this configuration",
        };
        format!("{} {why} (its own message stands above), and starting it again would not help", child.name())
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            output::note(&format!("up: {text}"));
        }
    }

    fn end(&self) -> Result<Exit, Failure> {
        match self.supervisor.failed() {
            Some((number, code)) => {
                let exit = if code == 4 { Exit::Store } else { Exit::Usage };
                Err(Failure::new(exit, self.given_up(number)))
            }
            None if self.supervisor.killed() => Err(Failure::new(
                Exit::Failed,
                "not every process ended by itself; what was not confirmed is done again at the next start",
            )),
            None => {
                self.say("everything has stopped; topics go on from here at the next start");
                Ok(Exit::Done)
            }
        }
    }
}

/// As the supervisor takes it.
const fn ended(code: Option<i32>) -> Ended {
    match code {
        Some(code) => Ended::Code(code),
        None => Ended::Broken,
    }
}
