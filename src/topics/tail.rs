//! `igentai topics tail`: items as they are found.

use std::io::Write;
use std::time::Duration;

use igentai_webserver::api::dto::{AttributesEvent, Reset, StateName, TopicView};
use reqwest::Response;

use super::Trouble;
use super::args::Tail;
use super::client::{ApiError, Begin, Client};
use super::inert::inert;
use super::sse::{Event, Parser};
use crate::output;

/// Items shown when it is not said where to begin.
const LAST: u64 = 10;

/// The server says something every 15 s; after so long the connection is dead.
const SILENCE: Duration = Duration::from_secs(45);

const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// Attempts in a row without an answer, about five minutes, before it is given up.
const ATTEMPTS: u32 = 60;

/// Prints items, and with `-f` goes on until the topic ends.
pub(super) async fn tail(
    client: &Client,
    topic: TopicView,
    arguments: &Tail,
    out: &mut dyn Write,
) -> Result<(), Trouble> {
    let after = match arguments.after {
        Some(after) => after,
        None => last_of(client, &topic).await?.saturating_sub(LAST),
    };
    let mut reader = Reader { client, run: topic.run, after, cursor: None, out, topic: topic.id };
    if arguments.follow && topic.state != StateName::Ended {
        reader.follow().await
    } else {
        reader.catch_up().await
    }
}

/// The highest number: the one that the numbers name may be a moment old.
async fn last_of(client: &Client, topic: &TopicView) -> Result<u64, ApiError> {
    let mut last = topic.numbers.attributes;
    loop {
        let page = client.attributes(&topic.id, last).await?;
        if page.items.is_empty() || page.next_after <= last {
            return Ok(last);
        }
        last = page.next_after;
    }
}

/// How a stream ended.
enum End {
    /// The topic has ended.
    Topic,
    /// The connection has.
    Connection(ApiError),
}

struct Reader<'a> {
    client: &'a Client,
    topic: String,
    run: u64,
    after: u64,
    cursor: Option<String>,
    out: &'a mut dyn Write,
}

impl Reader<'_> {
    /// Prints what there is by now.
    async fn catch_up(&mut self) -> Result<(), Trouble> {
        loop {
            let page = self.client.attributes(&self.topic, self.after).await?;
            if page.run != self.run && page.run != 0 {
                self.restart(page.run);
                continue;
            }
            if page.items.is_empty() || page.next_after <= self.after {
                return Ok(());
            }
            for item in &page.items {
                writeln!(self.out, "{}", inert(&item.text))?;
            }
            self.out.flush()?;
            self.after = page.next_after;
        }
    }

    async fn follow(&mut self) -> Result<(), Trouble> {
        let (mut attempts, mut pause) = (0, RETRY_FIRST);
        loop {
            let begin = match &self.cursor {
                Some(cursor) => Begin::Event(cursor),
                None => Begin::Item { run: self.run, after: self.after },
            };
            let end = match self.client.events(&self.topic, &begin).await {
                Ok(response) => self.listen(response, &mut attempts).await?,
                Err(error) => End::Connection(error),
            };
            let error = match end {
                End::Connection(error) => error,
                End::Topic => match self.catch_up().await {
                    Err(Trouble::Api(error)) => error,
                    end => return end,
                },
            };
            if attempts == 0 {
                pause = RETRY_FIRST;
                output::note(&format!(
                    "the connection to {} was lost; connecting again",
                    self.client.server()
                ));
            }
            attempts += 1;
            if !error.is_transient() || attempts > ATTEMPTS {
                return Err(error.into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_LAST);
        }
    }

    /// Prints what the stream tells, until it or the topic ends.
    async fn listen(&mut self, mut response: Response, attempts: &mut u32) -> Result<End, Trouble> {
        let mut parser = Parser::default();
        let lost = |cause: &str| {
            let (server, cause) = (self.client.server(), cause.to_owned());
            End::Connection(ApiError::Unreachable { server, cause })
        };
        let (silent, closed, too_long) =
            (lost("it went silent"), lost("it closed the stream"), lost("the stream is not one of events"));
        loop {
            let chunk = match tokio::time::timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => return Ok(closed),
                Ok(Err(error)) => return Ok(End::Connection(self.client.failed(error))),
                Err(_) => return Ok(silent),
            };
            let Ok(events) = parser.feed(&chunk) else { return Ok(too_long) };
            // Nothing but a sign of life: a good moment to ask whether the end was missed.
            if events.is_empty() && self.has_ended().await {
                return Ok(End::Topic);
            }
            for event in events {
                *attempts = 0;
                if self.take(&event)? {
                    return Ok(End::Topic);
                }
                if event.id.as_ref().is_some_and(|id| !id.is_empty()) {
                    self.cursor = event.id;
                }
            }
        }
    }

    async fn has_ended(&self) -> bool {
        self.client.topic(&self.topic).await.is_ok_and(|topic| topic.state == StateName::Ended)
    }

    /// Takes one event; whether the topic has ended. What is not understood is left, as a later version may say more.
    fn take(&mut self, event: &Event) -> Result<bool, Trouble> {
        match event.name.as_str() {
            "attributes" => {
                if let Ok(new) = serde_json::from_str::<AttributesEvent>(&event.data) {
                    self.print(&new)?;
                }
            }
            "topic" => {
                let topic = serde_json::from_str::<TopicView>(&event.data);
                return Ok(topic.is_ok_and(|topic| topic.state == StateName::Ended));
            }
            "reset" => {
                if let Ok(Reset { run, .. }) = serde_json::from_str(&event.data) {
                    self.restart(run);
                }
            }
            _ => {}
        }
        Ok(false)
    }

    fn print(&mut self, new: &AttributesEvent) -> std::io::Result<()> {
        if new.run > self.run {
            self.restart(new.run);
        } else if new.run < self.run {
            return Ok(());
        }
        for (seq, text) in (new.first..).zip(&new.texts) {
            if seq > self.after {
                writeln!(self.out, "{}", inert(text))?;
                self.after = seq;
            }
        }
        self.out.flush()
    }

    fn restart(&mut self, run: u64) {
        output::note(&format!("the topic was started afresh: run {run}"));
        (self.run, self.after) = (run, 0);
    }
}
