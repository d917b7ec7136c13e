//! A client that takes answers apart.

use std::collections::VecDeque;
use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::Value;

use crate::support::Server;

/// Longest wait for anything in these tests.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// A client. It is built for TLS elsewhere in the workspace and then wants a provider of it, whether it is used or not.
pub(crate) fn http() -> reqwest::Client {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::new()
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The slug of the problem, after checking that it has the one shape of errors.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.text);
        let body = self.json();
        assert_eq!(body["status"], self.status);
        assert!(!body["title"].as_str().unwrap().is_empty());
        assert!(!body["detail"].as_str().unwrap().is_empty());
        body["type"].as_str().unwrap().strip_prefix("/problems/").unwrap().to_owned()
    }
}

impl Server {
    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        http().request(method, self.url(path)).timeout(DEADLINE)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.ask(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        answer(self.ask(Method::POST, path).json(body)).await
    }

    pub(crate) async fn patch(&self, path: &str, body: &Value) -> Answer {
        answer(self.ask(Method::PATCH, path).json(body)).await
    }
}

pub(crate) async fn answer(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// A server-sent event.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

/// A reader of server-sent events; dropping it is hanging up.
pub(crate) struct Events {
    body: Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>,
    bytes: Vec<u8>,
    ready: VecDeque<Event>,
}

impl Events {
    pub(crate) async fn open(server: &Server, query: &str, last: Option<&str>) -> Self {
        let client = http();
        let mut request = client.get(server.url(&format!("/api/v1/events{query}")));
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        // A connection that breaks ends the stream like one that is closed.
        let body = response
            .bytes_stream()
            .take_while(|chunk| std::future::ready(chunk.is_ok()))
            .filter_map(async |chunk| chunk.ok().map(|bytes| bytes.to_vec()));
        Self { body: Box::pin(body), bytes: Vec::new(), ready: VecDeque::new() }
    }

    /// The next event; `None` when the stream ends. Comments that keep the connection alive do not extend the deadline.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(DEADLINE, self.read()).await.expect("an event in time")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            self.bytes.extend(self.body.next().await?);
            while let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                self.ready.extend(parse(std::str::from_utf8(&block).unwrap()));
            }
        }
    }

    /// The data of the next event of this name for which `is` holds.
    pub(crate) async fn until(&mut self, name: &str, is: impl Fn(&Value) -> bool) -> Value {
        loop {
            let data = self.named(name).await.data;
            if is(&data) {
                return data;
            }
        }
    }

    /// The next event of this name.
    pub(crate) async fn named(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event.name == name {
                return event;
            }
        }
    }
}

fn parse(block: &str) -> Option<Event> {
    let field =
        |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned();
    let data = field("data: ");
    (!data.is_empty()).then(|| Event {
        name: field("event: "),
        id: field("id: "),
        data: serde_json::from_str(&data).unwrap(),
    })
}
