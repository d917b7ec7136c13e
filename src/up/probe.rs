//! Asks a process over HTTP whether it is ready.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A process that does not answer for so long is asked again.
const DEADLINE: Duration = Duration::from_secs(4);

/// More than the longest answer of a probe.
const LARGEST: u64 = 64 * 1024;

/// Where a process that listens on this address can be reached on this machine.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// `Ok`: the process of this number is ready. Otherwise why not, in words; `None` when it does not answer yet.
pub(super) async fn ready(address: SocketAddr, process: Option<u32>) -> Result<(), Option<String>> {
    let answer = tokio::time::timeout(DEADLINE, ask(reachable(address))).await;
    let text = answer.ok().and_then(Result::ok).ok_or(None)?;
    reading(&text, process)
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!(
        "GET /health/ready HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut bytes = Vec::new();
    stream.take(LARGEST).read_to_end(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn reading(answer: &str, process: Option<u32>) -> Result<(), Option<String>> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(None)?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    let body = serde_json::from_str::<serde_json::Value>(body).ok();
    if status == "200" {
        let answers = body.and_then(|body| body["process"].as_u64());
        let is_it = answers.is_some() && answers == process.map(u64::from);
        return if is_it { Ok(()) } else { Err(Some("another process answers on its port".to_owned())) };
    }
    let detail = body.and_then(|body| body["detail"].as_str().map(str::to_owned));
    Err(Some(detail.unwrap_or_else(|| format!("it answers with status {status}"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_ready_or_says_why_not() {
        let reading = |answer: &str| reading(answer, Some(7));
        let by =
            |process: &str| reading(&format!("HTTP/1.1 200 OK\r\n\r\n{{\"status\":\"ready\"{process}}}"));
        assert_eq!(by(",\"process\":7"), Ok(()));
        let other = Err(Some("another process answers on its port".to_owned()));
        assert_eq!((by(",\"process\":8"), by("")), (other.clone(), other));
        let busy = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 1\r\n\r\n{\"detail\":\"no broker\"}";
        assert_eq!(reading(busy), Err(Some("no broker".to_owned())));
        assert_eq!(
            reading("HTTP/1.1 404 Not Found\r\n\r\n"),
            Err(Some("it answers with status 404".to_owned()))
        );
        assert_eq!(reading("HTTP/1.1 200 O"), Err(None));
    }

    #[test]
    fn an_address_for_every_network_is_asked_on_this_machine() {
        let every: SocketAddr = "0.0.0.0:9".parse().unwrap_or_else(|_| unreachable!("an address"));
        assert_eq!(reachable(every).to_string(), "127.0.0.1:9");
    }
}
