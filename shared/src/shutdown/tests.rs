#![expect(clippy::panic, reason = "a test may panic")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use super::*;

const LONG: Duration = Duration::from_mins(1);
const SHORT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn tasks_that_stop_when_asked_end_in_order() {
    let shutdown = Shutdown::new();
    let stop = shutdown.stop_token().clone();
    let task = shutdown.spawn("worker", async move {
        stop.cancelled().await;
        7
    });
    shutdown.stop();
    let report = shutdown.finish(LONG, LONG).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.to_string(), "stopped in order");
    assert_eq!(task.await.unwrap(), 7);
}

#[tokio::test]
async fn a_task_that_ignores_both_phases_is_named_and_not_waited_for() {
    let shutdown = Shutdown::new();
    drop(shutdown.spawn("deaf", std::future::pending::<()>()));
    let now = shutdown.now_token().clone();
    drop(shutdown.spawn("slow", async move { now.cancelled().await }));
    shutdown.stop();
    let report = shutdown.finish(SHORT, SHORT).await;
    assert_eq!(report.left, ["deaf"]);
    assert_eq!(report.to_string(), "stopped in a hurry; did not end in time: deaf");
}

#[tokio::test]
async fn phase_two_cuts_the_grace_period_short() {
    let shutdown = Shutdown::new();
    let now = shutdown.now_token().clone();
    drop(shutdown.spawn("slow", async move { now.cancelled().await }));
    shutdown.now();
    assert!(shutdown.is_stopping());
    let report = tokio::time::timeout(LONG / 2, shutdown.finish(LONG, LONG)).await.unwrap();
    assert!(report.hurried && report.left.is_empty(), "{report}");
}

#[tokio::test]
async fn a_task_that_panicked_is_in_the_report() {
    let shutdown = Shutdown::new();
    let task = shutdown.spawn("broken", async { panic!("on purpose") });
    assert!(task.await.unwrap_err().is_panic());
    shutdown.stop();
    assert_eq!(shutdown.finish(LONG, LONG).await.panicked, ["broken"]);
}

#[tokio::test]
async fn a_vital_task_that_ends_by_itself_stops_the_process_and_is_named() {
    for panics in [false, true] {
        let shutdown = Shutdown::new();
        let task = async move { assert!(!panics, "on purpose") };
        let vital = shutdown.vital("role", shutdown.stop_token().clone(), task);
        drop(shutdown.spawn("role", vital));
        let report = tokio::time::timeout(LONG, shutdown.finish(LONG, LONG)).await.unwrap();
        assert_eq!(
            (report.ended_early.as_slice(), report.is_clean()),
            (["role".to_owned()].as_slice(), false)
        );
        assert!(
            report.to_string().starts_with("stopped in order since this ended by itself: role"),
            "{report}"
        );
    }
}

#[tokio::test]
async fn a_vital_task_that_ends_when_asked_is_no_news() {
    let shutdown = Shutdown::new();
    let asked = CancellationToken::new();
    let (first, second) = (asked.clone(), shutdown.stop_token().clone());
    let first = shutdown.vital("first", asked.clone(), async move { first.cancelled().await });
    let second = shutdown.vital("second", asked.clone(), async move { second.cancelled().await });
    let first = shutdown.spawn("first", first);
    drop(shutdown.spawn("second", second));
    asked.cancel();
    first.await.unwrap();
    assert!(!shutdown.is_stopping());
    shutdown.stop();
    assert!(shutdown.finish(LONG, LONG).await.is_clean());
}

#[tokio::test]
async fn an_aborted_task_leaves_the_list() {
    let shutdown = Shutdown::new();
    shutdown.spawn("aborted", std::future::pending::<()>()).abort();
    shutdown.stop();
    assert!(shutdown.finish(LONG, LONG).await.is_clean());
}

#[cfg(unix)]
#[tokio::test]
async fn the_first_signal_stops_and_the_second_leaves_at_once() {
    let shutdown = Shutdown::new();
    shutdown.listen(None).unwrap();
    kill("kill -TERM $0; kill -TERM $0");
    tokio::time::timeout(LONG, shutdown.stop_token().cancelled()).await.unwrap();
    tokio::time::timeout(SAME_WISH / 5, shutdown.now_token().cancelled())
        .await
        .expect_err("the same wish, said twice");
    let again = async {
        while tokio::time::timeout(SAME_WISH, shutdown.now_token().cancelled()).await.is_err() {
            kill("kill -INT $0");
        }
    };
    tokio::time::timeout(LONG, again).await.unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn a_closed_terminal_stops_and_is_not_waited_for_longer_than_its_patience() {
    for (signal, hurries) in [("HUP", true), ("TERM", true), ("INT", false)] {
        if signal == "HUP" && !signals::hang_up_ends_us() {
            continue;
        }
        let shutdown = Shutdown::new();
        shutdown.listen(Some(SHORT)).unwrap();
        kill(&format!("kill -{signal} $0"));
        tokio::time::timeout(LONG, shutdown.stop_token().cancelled()).await.unwrap();
        assert_eq!(shutdown.patience().is_some(), hurries, "{signal}");
        let patience = if hurries { LONG } else { SAME_WISH * 4 };
        let now = tokio::time::timeout(patience, shutdown.now_token().cancelled()).await;
        assert_eq!(now.is_ok(), hurries, "{signal}");
    }
}

#[cfg(unix)]
fn kill(script: &str) {
    let own = std::process::id().to_string();
    assert!(std::process::Command::new("sh").args(["-c", script, &own]).status().unwrap().success());
}
