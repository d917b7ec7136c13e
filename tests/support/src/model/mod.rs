//! A stand-in for an OpenAI-compatible model service, with faults by script and a journal of what it did.
//!
//! It serves `POST /v1/chat/completions` (without streaming) and `GET /v1/models`. Built on hyper itself rather than
//! on a framework, since a script must be able to close a connection without an answer.

mod answer;
mod catalogue;
mod journal;
mod pace;
mod response;
mod script;
mod service;
mod speaker;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    task::{JoinHandle, JoinSet},
};

pub(crate) use self::catalogue::asked_for;
use self::service::Service;
pub use self::{
    answer::Style,
    journal::{Entry, key_hash},
    script::{Asked, Behaviour, Plan, Script},
    speaker::Speaker,
};

/// A running service on a loopback port. It ends, with its connections, on drop.
#[derive(Debug)]
pub struct ModelService {
    address: SocketAddr,
    service: Arc<Service>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl ModelService {
    /// Starts a service on a free port.
    pub async fn start(script: Script) -> io::Result<Self> {
        Self::start_at(crate::free_port()?, script).await
    }

    /// Starts a service on this port; 0 lets the system choose.
    pub async fn start_at(port: u16, script: Script) -> io::Result<Self> {
        let service = Arc::new(Service::new(script)?);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let this = Self { address: listener.local_addr()?, service, listening: Mutex::default() };
        this.listen(listener);
        Ok(this)
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.address
    }

    /// The base of its addresses, as clients of OpenAI's interface want it: `http://127.0.0.1:PORT/v1/`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1/", self.address)
    }

    /// Changes what happens to the requests that come from now on.
    pub fn set_plan(&self, plan: Plan) {
        self.service.set_plan(plan);
    }

    /// Refuses new connections (ECONNREFUSED) and closes open ones, or listens again.
    pub async fn refuse_connections(&self, refuse: bool) -> io::Result<()> {
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = listening {
            task.abort();
            // Its end is the listener's, too.
            task.await.ok();
        }
        if !refuse {
            self.listen(TcpListener::bind(self.address).await?);
        }
        Ok(())
    }

    /// All requests for completions so far, in the order of arrival.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.service.journal.entries()
    }

    /// How many requests for completions came.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.service.journal.sum(|_| 1)
    }

    /// How many of them were answered.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.service.journal.sum(|entry| u64::from(entry.answered))
    }

    /// The tokens of the prompts that were answered.
    #[must_use]
    pub fn prompt_tokens(&self) -> u64 {
        self.service.journal.sum(|entry| entry.prompt_tokens)
    }

    /// The tokens of the answers.
    #[must_use]
    pub fn completion_tokens(&self) -> u64 {
        self.service.journal.sum(|entry| entry.completion_tokens)
    }

    fn listen(&self, listener: TcpListener) {
        let service = Arc::clone(&self.service);
        let task = tokio::spawn(async move {
            // Dropped with this task, and the connections with it.
            let mut connections = JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // No descriptor left, or the peer is gone already: the next one may do better.
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                };
                while connections.try_join_next().is_some() {}
                let service = Arc::clone(&service);
                connections.spawn(async move {
                    let handle = service_fn(|request| Arc::clone(&service).handle(request));
                    // An error is a client that went away, or the script's closing.
                    http1::Builder::new().serve_connection(TokioIo::new(stream), handle).await.ok();
                });
            }
        });
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }
}

impl Drop for ModelService {
    fn drop(&mut self) {
        if let Some(task) = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take() {
            task.abort();
        }
    }
}
