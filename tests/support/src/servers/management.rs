//! The few requests of RabbitMQ's management interface that the tests need: a few milliseconds each, where
//! rabbitmqctl takes half a second of a processor.

use std::{collections::BTreeMap, io};

use serde_json::{Value, json};

use super::{QueueInfo, ServerError};
use crate::http::{self, Answer};

/// The interface of one broker.
#[derive(Debug, Clone)]
pub(crate) struct Management {
    /// Host and port.
    address: String,
    authorization: String,
    user: String,
}

impl Management {
    pub(crate) fn new(address: impl Into<String>, user: &str, password: &str) -> Self {
        let authorization = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        Self { address: address.into(), authorization, user: user.to_owned() }
    }

    /// Whether it answers and knows the user.
    pub(crate) async fn answers(&self) -> bool {
        matches!(self.ask("GET", "/api/whoami".into(), None).await, Ok(Answer { status: 200, .. }))
    }

    /// Adds a virtual host, fully permitted to the user.
    pub(crate) async fn add_vhost(&self, vhost: &str) -> Result<(), ServerError> {
        let vhost = encode(vhost);
        self.done("PUT", format!("/api/vhosts/{vhost}"), None).await?;
        let permissions = json!({"configure": ".*", "write": ".*", "read": ".*"});
        self.done("PUT", format!("/api/permissions/{vhost}/{}", self.user), Some(permissions)).await
    }

    /// Deletes a virtual host with all that is in it. Blocks: for `Drop`.
    pub(crate) fn delete_vhost_blocking(&self, vhost: &str) -> io::Result<()> {
        let headers = [("authorization", self.authorization.as_str())];
        let path = format!("/api/vhosts/{}", encode(vhost));
        http::request(&self.address, "DELETE", &path, &headers, b"").map(drop)
    }

    /// The queues of a virtual host, by name.
    pub(crate) async fn queues(&self, vhost: &str) -> Result<Vec<QueueInfo>, ServerError> {
        let vhost = encode(vhost);
        // Without the statistics, the totals are the queues' own and not a sample some seconds old.
        let path = format!("/api/queues/{vhost}?disable_stats=true&enable_queue_totals=true");
        let queues = self.list(path).await?;
        let mut consumers: BTreeMap<String, u64> = BTreeMap::new();
        for consumer in self.list(format!("/api/consumers/{vhost}")).await? {
            let queue = consumer["queue"]["name"].as_str().unwrap_or_default();
            *consumers.entry(queue.to_owned()).or_default() += 1;
        }
        let mut infos: Vec<QueueInfo> = queues
            .iter()
            .map(|queue| {
                let name = queue["name"].as_str().unwrap_or_default().to_owned();
                QueueInfo {
                    ready: queue["messages_ready"].as_u64().unwrap_or(0),
                    unacked: queue["messages_unacknowledged"].as_u64().unwrap_or(0),
                    consumers: consumers.get(&name).copied().unwrap_or(0),
                    name,
                }
            })
            .collect();
        infos.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(infos)
    }

    /// Removes what binds a queue to an exchange. An error where nothing does.
    pub(crate) async fn unbind(&self, vhost: &str, exchange: &str, queue: &str) -> Result<(), ServerError> {
        let path = format!("/api/bindings/{}/e/{}/q/{}", encode(vhost), encode(exchange), encode(queue));
        let bindings = self.list(path.clone()).await?;
        if bindings.is_empty() {
            return Err(ServerError::Answer { asked: format!("GET {path}"), answer: "no binding".into() });
        }
        for binding in &bindings {
            let key = encode(binding["properties_key"].as_str().unwrap_or_default());
            self.done("DELETE", format!("{path}/{key}"), None).await?;
        }
        Ok(())
    }

    /// Binds a queue to an exchange.
    pub(crate) async fn bind(
        &self,
        vhost: &str,
        exchange: &str,
        queue: &str,
        routing_key: &str,
    ) -> Result<(), ServerError> {
        let path = format!("/api/bindings/{}/e/{}/q/{}", encode(vhost), encode(exchange), encode(queue));
        self.done("POST", path, Some(json!({ "routing_key": routing_key }))).await
    }

    async fn list(&self, path: String) -> Result<Vec<Value>, ServerError> {
        let answer = self.ask("GET", path.clone(), None).await?;
        serde_json::from_slice(&answer.body)
            .map_err(|_| ServerError::Answer { asked: format!("GET {path}"), answer: answer.text() })
    }

    async fn done(&self, method: &'static str, path: String, body: Option<Value>) -> Result<(), ServerError> {
        let answer = self.ask(method, path.clone(), body).await?;
        if (200..300).contains(&answer.status) {
            return Ok(());
        }
        let text = format!("{} {}", answer.status, answer.text());
        Err(ServerError::Answer { asked: format!("{method} {path}"), answer: text })
    }

    async fn ask(
        &self,
        method: &'static str,
        path: String,
        body: Option<Value>,
    ) -> Result<Answer, ServerError> {
        let headers = vec![
            ("authorization".to_owned(), self.authorization.clone()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let doing = format!("{method} {path} of the broker's management interface at {}", self.address);
        http::request_async(self.address.clone(), method, path, headers, body)
            .await
            .map_err(ServerError::io(doing))
    }
}

/// Percent-encodes what is not a letter, a digit, or one of `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let encode_byte = |byte: u8| {
        let plain = byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
    };
    text.bytes().map(encode_byte).collect()
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0u32, |word, i| word << 8 | u32::from(chunk.get(i).copied().unwrap_or(0)));
        for position in 0..4 {
            let index = (word >> (18 - 6 * position) & 63) as usize;
            text.push(if position <= chunk.len() { char::from(LETTERS[index]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_pads_as_the_standard_says() {
        let examples =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("guest:guest", "Z3Vlc3Q6Z3Vlc3Q=")];
        for (text, expected) in examples {
            assert_eq!(base64(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn the_default_virtual_host_is_encoded_in_a_path() {
        assert_eq!(encode("/"), "%2F");
    }
}
