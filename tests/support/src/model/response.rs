//! The bodies and statuses that go over the wire.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body, Bytes, Frame},
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
};
use serde_json::{Value, json};

/// A body by script.
#[derive(Debug)]
pub(super) enum Scripted {
    /// The bytes, with their length announced.
    Whole(Option<Bytes>),
    /// A JSON string, made as it goes.
    Huge { left: u64, begun: bool },
    /// One byte, then nothing.
    Stalled(Option<Bytes>),
}

static FILL: [u8; 64 * 1024] = [b'a'; 64 * 1024];

impl Body for Scripted {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let chunk = match &mut *self {
            Self::Whole(bytes) => bytes.take(),
            Self::Stalled(byte) => match byte.take() {
                Some(byte) => Some(byte),
                // Nothing wakes this: the connection's end drops it.
                None => return Poll::Pending,
            },
            Self::Huge { left: 0, .. } => None,
            Self::Huge { left, begun: begun @ false } => {
                *begun = true;
                *left -= 1;
                Some(Bytes::from_static(b"\""))
            }
            Self::Huge { left: left @ 1, .. } => {
                *left = 0;
                Some(Bytes::from_static(b"\""))
            }
            Self::Huge { left, .. } => {
                let length = usize::try_from(*left - 1).unwrap_or(FILL.len()).min(FILL.len());
                *left -= length as u64;
                Some(Bytes::from_static(&FILL[..length]))
            }
        };
        Poll::Ready(chunk.map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }
}

pub(super) fn respond(status: u16, kind: &'static str, body: impl Into<Bytes>) -> Response<Scripted> {
    let mut response = Response::new(Scripted::Whole(Some(body.into())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

pub(super) fn respond_json(status: u16, body: &Value) -> Response<Scripted> {
    respond(status, "application/json", body.to_string())
}

pub(super) fn respond_scripted(body: Scripted) -> Response<Scripted> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn add_headers(headers: &mut HeaderMap, added: &[(String, String)]) {
    for (name, value) in added {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
}

/// A completion as OpenAI's interface has it.
pub(super) fn completion(
    number: u64,
    created_s: u64,
    model: &str,
    text: &str,
    prompt_tokens: u64,
    completion_tokens: u64,
) -> Value {
    json!({
        "id": format!("chatcmpl-{number}"),
        "object": "chat.completion",
        "created": created_s,
        "model": model,
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": null},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    })
}
