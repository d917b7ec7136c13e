//! The proxy between a client and a server that echoes.
#![expect(clippy::expect_used, reason = "a test says what it expects")]
#![expect(
    clippy::disallowed_methods,
    reason = "the proxy is measured with the real clock, against a server of the test"
)]

use std::{
    io,
    net::SocketAddr,
    time::{Duration, Instant},
};

use igentai_test_support::{
    eventually,
    proxy::{Direction, Flow, Proxy},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};

const SOON: Duration = Duration::from_secs(5);
const BRIEFLY: Duration = Duration::from_millis(150);

/// A server that sends back what it gets.
async fn echo() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                tokio::io::copy(&mut reader, &mut writer).await.ok();
                writer.shutdown().await.ok();
            });
        }
    });
    Ok(address)
}

async fn connected() -> io::Result<(Proxy, TcpStream)> {
    let proxy = Proxy::start(echo().await?).await?;
    let client = TcpStream::connect(proxy.addr()).await?;
    Ok((proxy, client))
}

async fn round(client: &mut TcpStream, text: &str) -> io::Result<String> {
    client.write_all(text.as_bytes()).await?;
    let mut back = vec![0; text.len()];
    client.read_exact(&mut back).await?;
    Ok(String::from_utf8_lossy(&back).into_owned())
}

#[tokio::test]
async fn everything_passes_both_ways_and_so_does_the_end() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    assert_eq!(round(&mut client, "crane").await?, "crane");
    client.shutdown().await?;
    assert_eq!(client.read(&mut [0; 8]).await?, 0, "the end came back");
    assert_eq!(
        (proxy.accepted(), proxy.passed(Direction::ToServer), proxy.passed(Direction::ToClient)),
        (1, 5, 5)
    );
    eventually(SOON, || async { proxy.open_connections() == 0 }).await.expect("closed");
    Ok(())
}

#[tokio::test]
async fn a_delay_is_added_once_and_not_for_every_chunk() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    proxy.set_delay(Direction::ToServer, Duration::from_millis(300));
    let started = Instant::now();
    let text = "x".repeat(200_000);
    let (mut reader, mut writer) = client.split();
    let mut back = vec![0; text.len()];
    tokio::try_join!(writer.write_all(text.as_bytes()), reader.read_exact(&mut back))?;
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(300) && took < Duration::from_millis(1500), "took {took:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_held_comes_later() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    proxy.set_flow(Direction::ToClient, Flow::Hold);
    client.write_all(b"crane").await?;
    let mut back = [0; 5];
    assert!(timeout(BRIEFLY, client.read_exact(&mut back)).await.is_err(), "held");
    proxy.set_flow(Direction::ToClient, Flow::Pass);
    client.read_exact(&mut back).await?;
    assert_eq!(&back, b"crane");
    Ok(())
}

#[tokio::test]
async fn a_connection_that_lost_bytes_is_reset_when_the_network_heals() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    proxy.set_flow(Direction::ToClient, Flow::Drop);
    client.write_all(b"crane").await?;
    let mut back = [0; 5];
    assert!(timeout(BRIEFLY, client.read_exact(&mut back)).await.is_err(), "swallowed");
    proxy.heal().await?;
    let error = client.read_exact(&mut back).await.expect_err("reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let mut next = TcpStream::connect(proxy.addr()).await?;
    assert_eq!(round(&mut next, "heron").await?, "heron");
    Ok(())
}

#[tokio::test]
async fn a_reset_ends_open_connections_and_new_ones_are_taken() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    round(&mut client, "crane").await?;
    proxy.reset_all();
    let error = client.read_exact(&mut [0; 1]).await.expect_err("reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    let mut next = TcpStream::connect(proxy.addr()).await?;
    assert_eq!(round(&mut next, "heron").await?, "heron");
    Ok(())
}

#[tokio::test]
async fn a_connection_is_reset_in_the_middle_of_a_message() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    round(&mut client, "crane").await?;
    proxy.reset_after(Direction::ToClient, 3);
    client.write_all(b"heron").await?;
    let mut back = Vec::new();
    let error = client.read_to_end(&mut back).await.expect_err("reset");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(proxy.passed(Direction::ToClient), 5 + 3);
    Ok(())
}

#[tokio::test]
async fn new_connections_are_refused_while_open_ones_go_on() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    round(&mut client, "crane").await?;
    proxy.refuse(true).await?;
    let error = TcpStream::connect(proxy.addr()).await.expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert_eq!(round(&mut client, "heron").await?, "heron");
    proxy.refuse(false).await?;
    let mut next = TcpStream::connect(proxy.addr()).await?;
    assert_eq!(round(&mut next, "egret").await?, "egret");
    Ok(())
}

#[tokio::test]
async fn throughput_is_limited() -> io::Result<()> {
    let (proxy, mut client) = connected().await?;
    proxy.set_throughput(Direction::ToServer, Some(10_000));
    let started = Instant::now();
    round(&mut client, &"x".repeat(4_000)).await?;
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(300), "took {took:?}");
    Ok(())
}
