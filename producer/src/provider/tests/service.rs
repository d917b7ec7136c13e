//! A scripted service on loopback: it takes one request a connection, keeps it, and answers byte for byte as told.

use std::sync::{Arc, Mutex};

use igentai_core::cost::Price;
use igentai_core::frontier::Aim;
use igentai_shared::clock::SystemClock;
use igentai_shared::config::providers::{KeySource, ProviderConfig, ProviderKind, Secret};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::provider::{Client, Provider, Question, Reply, connect};

pub(super) const KEY: &str = "sk-a-key-nobody-may-see";

/// What a connection gets.
#[derive(Clone, Debug)]
pub(super) enum Canned {
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// These bytes, then nothing while the client waits.
    Stall(Vec<u8>),
    /// This head, then zeros as long as somebody reads.
    Endless(String),
}

impl Canned {
    pub(super) fn status(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}connection: close\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }

    pub(super) fn ok(body: &str) -> Self {
        Self::status(200, "", body)
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Received {
    /// First line and headers, in lower case.
    pub(super) head: String,
    pub(super) body: Value,
}

#[derive(Debug)]
pub(super) struct Service {
    pub(super) base_url: String,
    journal: Arc<Mutex<Journal>>,
    _tasks: JoinSet<()>,
}

#[derive(Debug, Default)]
struct Journal {
    requests: Vec<Received>,
    sent: usize,
}

impl Service {
    /// Answers the first request with the first of the script and so on; the last serves for all that follow.
    pub(super) async fn start(script: Vec<Canned>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
        let journal = Arc::new(Mutex::new(Journal::default()));
        let mut tasks = JoinSet::new();
        let kept = Arc::clone(&journal);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            for turn in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let canned = script[turn.min(script.len() - 1)].clone();
                connections.spawn(serve(stream, canned, Arc::clone(&kept)));
            }
        });
        Self { base_url, journal, _tasks: tasks }
    }

    pub(super) fn requests(&self) -> Vec<Received> {
        self.journal.lock().unwrap().requests.clone()
    }

    /// Bytes that the client took of endless bodies.
    pub(super) fn sent(&self) -> usize {
        self.journal.lock().unwrap().sent
    }

    pub(super) fn provider(&self, kind: ProviderKind) -> Arc<dyn Provider> {
        provider(&config(kind, &self.base_url))
    }

    /// Asks once with a fresh provider.
    pub(super) async fn ask(&self, kind: ProviderKind) -> Reply {
        self.provider(kind).ask(&question()).await
    }
}

async fn serve(mut stream: TcpStream, canned: Canned, journal: Arc<Mutex<Journal>>) {
    let received = read(&mut stream).await;
    journal.lock().unwrap().requests.push(received);
    match canned {
        Canned::Bytes(bytes) => stream.write_all(&bytes).await.unwrap(),
        Canned::Stall(bytes) => {
            stream.write_all(&bytes).await.unwrap();
            // Until the client gives up.
            assert_eq!(stream.read(&mut [0; 16]).await.unwrap_or(0), 0);
        }
        Canned::Endless(head) => {
            stream.write_all(head.as_bytes()).await.unwrap();
            while stream.write_all(&[b'0'; 8_192]).await.is_ok() {
                journal.lock().unwrap().sent += 8_192;
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Received {
    let mut bytes = Vec::new();
    loop {
        assert!(stream.read_buf(&mut bytes).await.unwrap() > 0, "a whole request");
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let head = head.to_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length = length.map_or(0, |length| length.parse::<usize>().unwrap());
        if length == 0 {
            return Received { body: Value::Null, head };
        }
        if body.len() >= length {
            return Received { body: serde_json::from_str(body).unwrap(), head };
        }
    }
}

pub(super) fn question() -> Question {
    Question {
        system: "Be brief.".to_owned(),
        user: "List 3 letters.".to_owned(),
        list: true,
        items: 3,
        topic: "letters".to_owned(),
        aim: Aim::Whole,
    }
}

pub(super) fn config(kind: ProviderKind, base_url: &str) -> ProviderConfig {
    ProviderConfig {
        name: "small".to_owned(),
        kind,
        base_url: base_url.to_owned(),
        model: "model-1".to_owned(),
        key_source: KeySource::Environment("SMALL_API_KEY".to_owned()),
        key: Some(Secret::new(KEY)),
        weight: 1.0,
        price: Price::per_million(1.0, 2.0),
        price_known: true,
        max_concurrency: 4,
        requests_per_minute: None,
        timeout_seconds: 10.0,
        temperature: 1.5,
        max_output_tokens: 777,
    }
}

pub(super) fn provider(config: &ProviderConfig) -> Arc<dyn Provider> {
    let clock: Arc<dyn igentai_shared::clock::Clock> = Arc::new(SystemClock::new());
    connect(config, &Client::new().unwrap(), &clock, 1).unwrap()
}
