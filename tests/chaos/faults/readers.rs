//! People who ask the web server and do not listen.

use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::system::System;

/// How many of them.
const READERS: usize = 500;

/// How long one of them waits to be let in.
const PATIENCE: Duration = Duration::from_millis(500);

faults! {
    /// What they do.
    ReadersFault {
        /// They ask for all events from the first and never read.
        NeverRead = "readers of the feed that never read",
        /// They begin a request and do not end it.
        SlowHeaders = "requests that never end (slowloris)",
    }
}

impl ReadersFault {
    pub(crate) async fn begin(self, system: &mut System) {
        let request = match self {
            Self::NeverRead => "GET /api/v1/events?topic=sights&after=0 HTTP/1.1\r\nhost: localhost\r\n\r\n",
            Self::SlowHeaders => "GET /api/v1/topics HTTP/1.1\r\nhost: localhost\r\nx-slow: ",
        };
        let address = system.web();
        for _ in 0..READERS {
            // The web server may be away just now, or take no more: then a connection waits to be accepted, for minutes.
            let connected = timeout(PATIENCE, TcpStream::connect(&address)).await;
            let Ok(Ok(mut reader)) = connected else { break };
            if reader.write_all(request.as_bytes()).await.is_ok() {
                system.readers.push(reader);
            }
        }
    }
}
