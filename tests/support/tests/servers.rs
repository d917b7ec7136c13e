//! The servers are started for real and talked to.
#![expect(clippy::expect_used, reason = "a test says what it expects")]

use std::process::Command;
use std::time::Duration;

use igentai_test_support::{
    eventually, http,
    servers::{Broker, QueueInfo, RabbitMq, RabbitMqOptions, Redis, ServerError},
};
use tokio::net::TcpStream;

const SOON: Duration = Duration::from_secs(10);

async fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}

/// Asks the management interface to do something in the default virtual host.
async fn manage(broker: &RabbitMq, method: &'static str, path: &str, body: &str) {
    let address = broker.management_url().expect("managed").replace("http://", "");
    let headers = vec![("authorization".to_owned(), "Basic Z3Vlc3Q6Z3Vlc3Q=".to_owned())];
    let answer = http::request_async(address, method, path.to_owned(), headers, body.as_bytes().to_vec())
        .await
        .expect("an answer");
    assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text());
}

fn one_queue(ready: u64) -> Vec<QueueInfo> {
    vec![QueueInfo { name: "words".into(), ready, unacked: 0, consumers: 0 }]
}

#[tokio::test]
async fn a_killed_redis_comes_back_on_its_port_with_what_was_written() -> Result<(), ServerError> {
    let mut redis = Redis::start().await?;
    assert_eq!(redis.cli(&["PING"]).await?, "PONG");
    redis.cli(&["SET", "word", "crane"]).await?;
    redis.kill().await?;
    assert!(!listens(redis.port()).await, "killed");
    redis.restart().await?;
    assert_eq!(redis.cli(&["GET", "word"]).await?, "crane");
    redis.stop().await?;
    redis.restart().await?;
    assert_eq!(redis.cli(&["GET", "word"]).await?, "crane");
    let port = redis.port();
    drop(redis);
    assert!(!listens(port).await, "ended with its handle");
    Ok(())
}

#[tokio::test]
async fn a_paused_redis_answers_when_it_goes_on() -> Result<(), ServerError> {
    let mut redis = Redis::start().await?;
    redis.pause().await?;
    let answered_while_paused = tokio::time::timeout(Duration::from_millis(200), redis.cli(&["PING"])).await;
    assert!(answered_while_paused.is_err(), "{answered_while_paused:?}");
    redis.resume().await?;
    assert_eq!(redis.cli(&["PING"]).await?, "PONG");
    Ok(())
}

#[tokio::test]
async fn redis_takes_what_the_faults_need() -> Result<(), ServerError> {
    let redis = Redis::start_with(&["--maxmemory", "2mb"]).await?;
    assert_eq!(redis.cli(&["CONFIG", "GET", "maxmemory-policy"]).await?, "maxmemory-policy\nnoeviction");
    assert_eq!(redis.cli(&["DEBUG", "SLEEP", "0"]).await?, "OK");
    let value = "x".repeat(100_000);
    let mut refused = None;
    for number in 0..30 {
        if let Err(error) = redis.cli(&["SET", &number.to_string(), &value]).await {
            refused = Some(error.to_string());
            break;
        }
    }
    let refused = refused.expect("no memory is left");
    assert!(refused.contains("OOM"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_redis_that_cannot_start_shows_its_log() {
    let error = Redis::start_with(&["--no-such-setting", "1"]).await.expect_err("an unknown setting");
    assert!(error.to_string().contains("no-such-setting"), "{error}");
}

#[tokio::test]
async fn a_killed_rabbitmq_comes_back_with_its_queues_and_messages() -> Result<(), ServerError> {
    let mut broker = RabbitMq::start().await?;
    let quorum = r#"{"durable": true, "arguments": {"x-queue-type": "quorum"}}"#;
    manage(&broker, "PUT", "/api/queues/%2F/words", quorum).await;
    let message = r#"{"properties": {"delivery_mode": 2}, "routing_key": "words", "payload": "crane",
                      "payload_encoding": "string"}"#;
    manage(&broker, "POST", "/api/exchanges/%2F/amq.default/publish", message).await;
    let counted = eventually(Duration::from_secs(2), || async {
        matches!(broker.queues().await, Ok(queues) if queues == one_queue(1))
    });
    counted.await.expect("a quorum queue's count is fresh");

    broker.settle().await?;
    broker.kill().await?;
    assert!(!listens(broker.port()).await, "killed");
    broker.restart().await?;
    let counted =
        eventually(SOON, || async { matches!(broker.queues().await, Ok(queues) if queues == one_queue(1)) });
    counted.await.expect("the message is still there");

    let port = broker.port();
    drop(broker);
    assert!(!listens(port).await, "ended with its handle");
    Ok(())
}

#[tokio::test]
async fn a_queue_is_replaced_although_others_declare_it_meanwhile() -> Result<(), ServerError> {
    let broker = RabbitMq::start().await?;
    let quorum = r#"{"durable": true, "arguments": {"x-queue-type": "quorum"}}"#;
    let refused = broker.replace_queue("words").await.expect_err("there is no queue").to_string();
    assert!(refused.contains("not_found"), "{refused}");
    manage(&broker, "PUT", "/api/queues/%2F/words", quorum).await;
    let address = broker.management_url().expect("managed").replace("http://", "");
    let headers = vec![("authorization".to_owned(), "Basic Z3Vlc3Q6Z3Vlc3Q=".to_owned())];
    let declaring = async {
        loop {
            let (address, headers) = (address.clone(), headers.clone());
            let path = "/api/queues/%2F/words".to_owned();
            // One that meets the deletion may be refused.
            http::request_async(address, "PUT", path, headers, quorum.as_bytes().to_vec()).await.ok();
        }
    };
    let replaced = async {
        for _ in 0..3 {
            broker.replace_queue("words").await?;
        }
        Ok::<_, ServerError>(())
    };
    tokio::select! {
        () = declaring => unreachable!("it declares for ever"),
        replaced = replaced => replaced?,
    }
    assert_eq!(broker.queues().await?, one_queue(0));
    Ok(())
}

#[tokio::test]
async fn a_rabbitmq_without_management_is_asked_through_rabbitmqctl() -> Result<(), ServerError> {
    let options = RabbitMqOptions { management: false, ..RabbitMqOptions::default() };
    let mut broker = RabbitMq::start_with(options).await?;
    assert!(broker.vhost("birds").await?.ends_with("/birds"));
    assert!(broker.ctl(&["list_vhosts", "-q"]).await?.lines().any(|line| line == "birds"));
    assert_eq!(broker.queues().await?, []);
    broker.pause().await?;
    let answered_while_paused = tokio::time::timeout(Duration::from_secs(1), broker.queues()).await;
    assert!(answered_while_paused.is_err(), "{answered_while_paused:?}");
    broker.resume().await?;
    assert_eq!(broker.queues().await?, []);
    broker.stop().await?;
    assert!(!listens(broker.port()).await, "stopped");
    broker.restart().await?;
    assert!(broker.ctl(&["list_vhosts", "-q"]).await?.lines().any(|line| line == "birds"));
    Ok(())
}

#[tokio::test]
async fn a_rabbitmq_that_cannot_start_shows_its_log() {
    let options = RabbitMqOptions { configuration: "no_such_setting = 1\n".into(), management: false };
    let error = RabbitMq::start_with(options).await.expect_err("an unknown setting");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn a_test_has_a_virtual_host_of_its_own() -> Result<(), ServerError> {
    let broker = Broker::for_test().await?;
    assert!(broker.amqp_url().ends_with(broker.vhost()), "{}", broker.amqp_url());
    assert_eq!(broker.queues().await?, []);
    Ok(())
}

#[test]
fn a_rabbitmq_that_the_environment_names_is_used_and_none_is_started() {
    let servers = env!("CARGO_BIN_EXE_igentai-test-servers");
    let named = "amqp://me:secret@127.0.0.1:1";
    let output = Command::new(servers)
        .args(["sh", "-c", "echo $IGENTAI_TEST_AMQP_URL $IGENTAI_TEST_RABBITMQ_MANAGEMENT_URL"])
        .env("IGENTAI_TEST_AMQP_URL", named)
        .env_remove("IGENTAI_TEST_RABBITMQ_MANAGEMENT_URL")
        .output()
        .expect("it runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), named);
}
