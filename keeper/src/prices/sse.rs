//! Server-sent events, decoded: bytes as they arrive, events as they are complete. What a connection leaves half
//! sent is dropped with its decoder.

/// Bytes of an event at most; an update of all of Pyth's feeds has fewer.
pub const EVENT_BYTES_MAX: usize = 4 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// Its type; empty for an ordinary one.
    pub kind: String,
    pub data: String,
}

/// An event or a line is longer than [`EVENT_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an event of more than {EVENT_BYTES_MAX} bytes")]
pub struct TooLong;

/// The decoder of one connection.
#[derive(Debug, Default)]
pub struct Decoder {
    line: Vec<u8>,
    /// The line before ended with a carriage return: a line feed now belongs to it.
    after_return: bool,
    begun: bool,
    kind: String,
    data: String,
}

impl Decoder {
    /// Takes what arrived and hands out what is complete.
    ///
    /// # Errors
    /// [`TooLong`]; the connection is of no use any more.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let after_return = std::mem::take(&mut self.after_return);
            match byte {
                b'\n' if after_return => {}
                b'\n' | b'\r' => {
                    self.after_return = *byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.end_line(&line));
                }
                _ => self.line.push(*byte),
            }
            if self.line.len().saturating_add(self.data.len()) > EVENT_BYTES_MAX {
                return Err(TooLong);
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &[u8]) -> Option<Event> {
        let marked = !std::mem::replace(&mut self.begun, true);
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            Some(rest) if marked => rest,
            _ => line,
        };
        if line.is_empty() {
            let (kind, data) = (
                std::mem::take(&mut self.kind),
                std::mem::take(&mut self.data),
            );
            // Every line of data left a line feed behind: none means that there was no data.
            let data = data.strip_suffix('\n')?.to_owned();
            return Some(Event { kind, data });
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "event" => value.clone_into(&mut self.kind),
            // Comments keep a connection alive; ids and retries are not used.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn event(kind: &str, data: &str) -> Event {
        Event {
            kind: kind.to_owned(),
            data: data.to_owned(),
        }
    }

    const STREAM: &str =
        "\u{feff}data:{\"a\":1}\n\n: alive\n\nevent: error\r\ndata: one\r\ndata:  two\r\n\r\n\
                          id: 7\rretry: 3\rdata\r\rdata: cut";

    fn expected() -> Vec<Event> {
        vec![
            event("", "{\"a\":1}"),
            event("error", "one\n two"),
            event("", ""),
        ]
    }

    #[test]
    fn every_form_of_line_and_field_is_read_and_a_cut_event_is_not() {
        let mut decoder = Decoder::default();
        assert_eq!(decoder.feed(STREAM.as_bytes()), Ok(expected()));
    }

    #[test]
    fn an_event_without_end_is_refused_and_not_kept() {
        let mut decoder = Decoder::default();
        let line = vec![b'x'; 1 << 20];
        let fed: Result<Vec<_>, _> = (0..5).map(|_| decoder.feed(&line)).collect();
        assert_eq!(fed, Err(TooLong));
        let mut decoder = Decoder::default();
        let line = format!("data: {}\n", "x".repeat(1 << 20));
        let fed: Result<Vec<_>, _> = (0..5).map(|_| decoder.feed(line.as_bytes())).collect();
        assert_eq!(fed, Err(TooLong));
    }

    proptest! {
        #[test]
        fn however_the_bytes_are_cut_the_events_are_the_same(
            cuts in proptest::collection::vec(0_usize..STREAM.len(), 0..12)
        ) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            let (mut decoder, mut events, mut from) = (Decoder::default(), Vec::new(), 0);
            for cut in cuts.into_iter().chain([STREAM.len()]) {
                events.extend(decoder.feed(&STREAM.as_bytes()[from..cut]).expect("short"));
                from = cut;
            }
            prop_assert_eq!(events, expected());
        }

        #[test]
        fn no_bytes_are_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = Decoder::default().feed(&bytes);
        }
    }
}
