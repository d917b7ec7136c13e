//! Server-sent events out of bytes.

/// Longest event kept: more is a server that speaks something else.
const MAX_EVENT_BYTES: usize = 4 << 20;

/// An event with data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) id: Option<String>,
    pub(super) data: String,
}

/// The stream became too long to be one of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes bytes in as they come, in any pieces, and gives whole events out.
#[derive(Debug, Default)]
pub(super) struct Parser {
    bytes: Vec<u8>,
    event: Event,
}

impl Parser {
    /// Takes bytes in; the events that are whole now.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        self.bytes.extend_from_slice(bytes);
        let mut events = Vec::new();
        let mut start = 0;
        while let Some(end) = self.bytes.iter().skip(start).position(|byte| *byte == b'\n') {
            let line = self.bytes.get(start..start + end).unwrap_or_default();
            let line = String::from_utf8_lossy(line).into_owned();
            start += end + 1;
            events.extend(self.line(line.trim_end_matches('\r')));
        }
        self.bytes.drain(..start);
        if self.bytes.len() + self.event.data.len() > MAX_EVENT_BYTES { Err(TooLong) } else { Ok(events) }
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "id" => self.event.id = Some(value.to_owned()),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn events_are_read_whatever_the_pieces_they_come_in() {
        let stream = ": keep-alive\n\nid: c1\nevent: attributes\ndata: {\"é\":\ndata: 1}\n\nretry: 5\n\ndata:x\r\n\r\n";
        let wanted = [
            Event {
                name: "attributes".to_owned(),
                id: Some("c1".to_owned()),
                data: "{\"é\":\n1}".to_owned(),
            },
            Event { data: "x".to_owned(), ..Event::default() },
        ];
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let events: Vec<Event> =
                stream.as_bytes().chunks(size).flat_map(|piece| parser.feed(piece).unwrap()).collect();
            assert_eq!(events, wanted, "in pieces of {size} bytes");
        }
    }

    #[test]
    fn a_stream_without_an_end_of_line_is_given_up() {
        let mut parser = Parser::default();
        assert_eq!(parser.feed(&vec![b'x'; MAX_EVENT_BYTES]), Ok(Vec::new()));
        assert_eq!(parser.feed(b"x"), Err(TooLong));
    }
}
