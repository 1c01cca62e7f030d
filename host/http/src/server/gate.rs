//! Where one request ends and the next begins on a connection, so that every head is
//! [checked](super::head) before the HTTP library sees it.
//!
//! A head is kept until it is complete. One that is refused is replaced by a head that the library
//! can read, and what follows it is never read: so its answer takes the way of every answer, after
//! those of the requests before it. It does no I/O.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::ReadBuf;

use super::head::{self, BodyFraming, RefusedHead};

/// What the library reads in place of a head that was refused.
const IN_PLACE: &str = " / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";
/// More room than this is given back once it is empty.
const KEPT: usize = 16 << 10;

/// The requests of one connection.
pub(super) struct RequestGate {
    /// What arrived and was not passed on.
    waiting: BytesMut,
    /// How many bytes at its beginning may be passed on.
    ready: usize,
    phase: Phase,
    /// How many of the waiting bytes were searched for the end of a head.
    searched: usize,
    /// A head without an end is not read again while it is shorter than this.
    try_at: usize,
    refused: Option<Box<RefusedHead>>,
}

/// What comes next, after the bytes that are ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Head,
    Sized(u64),
    Chunked(ChunkPhase),
    /// Nothing can be told of what comes: a chunked body is malformed.
    Lost,
    /// A head was refused; nothing after it is looked at.
    Refused,
    /// The peer has sent all it will.
    Ended,
}

/// A place in a chunked body (RFC 9112 section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkPhase {
    /// In the digits of a size; whether there was one, and the size so far.
    Size(bool, u64),
    /// Between a size and the end of its line.
    Extension(u64),
    /// Before the line feed of a size.
    SizeEnd(u64),
    /// So many bytes of data are to come.
    Data(u64),
    /// Before the carriage return after the data.
    DataReturn,
    /// Before the line feed after the data.
    DataEnd,
    /// At the beginning of a line of the trailer section.
    Trailer,
    /// In a field of the trailer section.
    TrailerField,
    /// Before the line feed of a trailer field.
    TrailerFieldEnd,
    /// Before the line feed of the body.
    End,
}

/// What to do next for whoever reads from the gate.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum GateStep {
    /// Take some of the bytes that are ready.
    Take,
    /// The next bytes belong to a body: read them where they are wanted, and [`RequestGate::pass`].
    ReadBody,
    /// Read more, and [`RequestGate::add`].
    ReadMore,
    /// Nothing will ever come, but the connection has not ended.
    Nothing,
    /// The connection has ended.
    End,
}

impl RequestGate {
    pub(super) fn new() -> Self {
        Self {
            waiting: BytesMut::new(),
            ready: 0,
            phase: Phase::Head,
            searched: 0,
            try_at: 0,
            refused: None,
        }
    }

    /// See [`GateStep`]; fails where a body has no end that can be found.
    pub(super) fn next(&mut self) -> io::Result<GateStep> {
        if self.ready == 0 {
            self.judge();
        }
        match self.phase {
            _ if self.ready > 0 => Ok(GateStep::Take),
            Phase::Lost => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the chunks of a body are malformed",
            )),
            Phase::Refused => Ok(GateStep::Nothing),
            Phase::Ended => Ok(GateStep::End),
            Phase::Sized(_) | Phase::Chunked(_) => Ok(GateStep::ReadBody),
            Phase::Head => Ok(GateStep::ReadMore),
        }
    }

    /// Moves bytes that may be passed on, as many as there is room for.
    pub(super) fn take(&mut self, buffer: &mut ReadBuf<'_>) {
        let length = self.ready.min(buffer.remaining());
        buffer.put_slice(&self.waiting[..length]);
        self.waiting.advance(length);
        self.ready -= length;
        if self.waiting.is_empty() && self.waiting.capacity() > KEPT {
            self.waiting = BytesMut::new();
        }
    }

    /// More bytes arrived; none at the end of the connection, when a head that is incomplete but
    /// not malformed is passed on for the library to find it so.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
        if !bytes.is_empty() {
            return;
        }
        // What came since it was read last may have made it malformed.
        self.try_at = 0;
        self.judge();
        if self.ready == 0 {
            self.ready = self.waiting.len();
            self.phase = Phase::Ended;
        }
    }

    /// How many of these bytes, which arrived while nothing waited, belong to the body. The others
    /// wait from now on.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let length = self.body(bytes);
        self.waiting.extend_from_slice(&bytes[length..]);
        length
    }

    /// The head that was refused, once.
    pub(super) fn refused(&mut self) -> Option<Box<RefusedHead>> {
        self.refused.take()
    }

    /// Finds out what of the waiting bytes may be passed on.
    fn judge(&mut self) {
        let bytes = std::mem::take(&mut self.waiting);
        self.ready = self.body(&bytes);
        self.waiting = bytes;
        if self.ready == 0 && self.phase == Phase::Head {
            self.head();
        }
    }

    fn head(&mut self) {
        // RFC 9112 section 2.2: empty lines before a request are ignored.
        while self.waiting.starts_with(b"\r\n") || self.waiting.starts_with(b"\n") {
            self.waiting
                .advance(1 + usize::from(self.waiting[0] == b'\r'));
            self.searched = 0;
        }
        let is_worth_reading = self.finds_end() || self.waiting.len() >= self.try_at;
        if self.waiting.is_empty() || !is_worth_reading {
            return;
        }
        match head::read(&self.waiting) {
            Ok(Some(head)) => {
                self.ready = head.length;
                self.phase = match head.body {
                    BodyFraming::Sized(0) => Phase::Head,
                    BodyFraming::Sized(size) => Phase::Sized(size),
                    BodyFraming::Chunked => Phase::Chunked(ChunkPhase::Size(false, 0)),
                };
                self.searched = 0;
                self.try_at = 0;
            }
            // So that a head that comes byte by byte is not read anew for each of them.
            Ok(None) => self.try_at = (2 * self.waiting.len()).min(head::MAX_HEAD + 1),
            Err(refused) => {
                let method = if refused.is_head() { "HEAD" } else { "GET" };
                self.waiting.clear();
                self.waiting.extend_from_slice(method.as_bytes());
                self.waiting.extend_from_slice(IN_PLACE.as_bytes());
                self.ready = self.waiting.len();
                self.phase = Phase::Refused;
                self.refused = Some(refused);
            }
        }
    }

    /// Whether an empty line is among the bytes that were not searched before.
    fn finds_end(&mut self) -> bool {
        let rest = &self.waiting[self.searched.saturating_sub(2)..];
        self.searched = self.waiting.len();
        let is_end = |at: usize| {
            let after = &rest[at + 1..];
            after.starts_with(b"\n") || after.starts_with(b"\r\n")
        };
        let mut feeds = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        feeds.any(|(at, _)| is_end(at))
    }

    /// How many bytes at the beginning of these belong to the body.
    fn body(&mut self, bytes: &[u8]) -> usize {
        match self.phase {
            Phase::Sized(left) => {
                let length = prefix(left, bytes);
                let left = left - length as u64;
                self.phase = if left == 0 {
                    Phase::Head
                } else {
                    Phase::Sized(left)
                };
                length
            }
            Phase::Chunked(at) => self.chunks(at, bytes),
            _ => 0,
        }
    }

    fn chunks(&mut self, mut at: ChunkPhase, bytes: &[u8]) -> usize {
        let mut passed = 0;
        while passed < bytes.len() {
            if let ChunkPhase::Data(left) = at {
                let length = prefix(left, &bytes[passed..]);
                passed += length;
                at = match left - length as u64 {
                    0 => ChunkPhase::DataReturn,
                    left => ChunkPhase::Data(left),
                };
                continue;
            }
            let next = at.after(bytes[passed]);
            passed += 1;
            match next {
                Some(Phase::Chunked(next)) => at = next,
                Some(other) => {
                    self.phase = other;
                    return passed;
                }
                None => {
                    self.phase = Phase::Lost;
                    return passed - 1;
                }
            }
        }
        self.phase = Phase::Chunked(at);
        passed
    }
}

impl ChunkPhase {
    /// What comes after a byte that is not data; none if it may not stand here.
    fn after(self, byte: u8) -> Option<Phase> {
        let next = match (self, byte) {
            (Self::Size(_, size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16)?;
                let shifted = size.checked_mul(16)?;
                Self::Size(true, shifted.checked_add(digit.into())?)
            }
            (Self::Size(true, size), b'\r') => Self::SizeEnd(size),
            (Self::Size(true, size), b';' | b' ' | b'\t') => Self::Extension(size),
            (Self::Extension(size), b'\r') => Self::SizeEnd(size),
            (Self::Extension(size), other) if other != b'\n' => Self::Extension(size),
            (Self::SizeEnd(0), b'\n') => Self::Trailer,
            (Self::SizeEnd(size), b'\n') => Self::Data(size),
            (Self::DataReturn, b'\r') => Self::DataEnd,
            (Self::DataEnd, b'\n') => Self::Size(false, 0),
            (Self::Trailer, b'\r') => Self::End,
            (Self::Trailer | Self::TrailerField, other) if other != b'\r' && other != b'\n' => {
                Self::TrailerField
            }
            (Self::TrailerField, b'\r') => Self::TrailerFieldEnd,
            (Self::TrailerFieldEnd, b'\n') => Self::Trailer,
            (Self::End, b'\n') => return Some(Phase::Head),
            _ => return None,
        };
        Some(Phase::Chunked(next))
    }
}

/// As much of the bytes as there is left to come.
fn prefix(left: u64, bytes: &[u8]) -> usize {
    usize::try_from(left).map_or(bytes.len(), |left| left.min(bytes.len()))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    /// What the library reads of bytes that come in pieces of so many, and what was refused.
    fn read(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<Box<RefusedHead>>) {
        let mut gate = RequestGate::new();
        let mut pieces = bytes.chunks(piece);
        let mut got = Vec::new();
        let mut refused = None;
        loop {
            let step = gate.next();
            refused = refused.or(gate.refused());
            match step {
                Ok(GateStep::Take) => {
                    let mut space = [0; 7];
                    let mut room = ReadBuf::new(&mut space);
                    gate.take(&mut room);
                    got.extend_from_slice(room.filled());
                }
                Ok(GateStep::ReadBody) => match pieces.next() {
                    Some(piece) => {
                        let length = gate.pass(piece);
                        got.extend_from_slice(&piece[..length]);
                    }
                    None => return (got, refused),
                },
                Ok(GateStep::ReadMore) => gate.add(pieces.next().unwrap_or_default()),
                Ok(GateStep::Nothing | GateStep::End) | Err(_) => return (got, refused),
            }
        }
    }

    const BAD: &str = "DELETE /v1/files/a#b HTTP/1.1\r\nhost: x\r\n\r\n";
    const GOOD: [&str; 6] = [
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET / HTTP/1.1\nhost: x\n\n",
        "PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\n\r\n\
         GET /#a HTTP/1.1\r\nhost: x\r\n\r\n!",
        "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
         1d;a=\"b\"\r\nGET /#a HTTP/1.1\r\nhost: x\r\n\r\n\r\n\
         A \r\n0123456789\r\n00\r\na: b\r\nc: d\r\n\r\n",
        "DELETE /a HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n",
    ];

    #[test]
    fn requests_pass_unchanged_in_whatever_pieces_they_come() {
        let all = GOOD.concat();
        for piece in [1, 2, 3, 5, 16, 100, all.len()] {
            let (got, refused) = read(all.as_bytes(), piece);
            assert_eq!(String::from_utf8_lossy(&got), all, "pieces of {piece}");
            assert!(refused.is_none());
        }
    }

    #[test]
    fn a_bad_head_is_found_after_every_kind_of_request_and_nothing_after_it_is_read() {
        for before in GOOD {
            let all = format!("{before}{BAD}{}", GOOD[0]);
            for piece in [1, 2, 3, 16, 61, all.len()] {
                let (got, refused) = read(all.as_bytes(), piece);
                let expected = format!("{before}GET{IN_PLACE}");
                assert_eq!(String::from_utf8_lossy(&got), expected, "pieces of {piece}");
                assert!(refused.is_some());
            }
        }
    }

    #[test]
    fn what_cannot_be_framed_is_not_read_any_further() {
        let head = "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n";
        for (good, bad) in [
            ("", "\r\n"),
            ("", "x\r\n"),
            ("1", "\n"),
            ("1\r", "a"),
            ("1\r\na", "b"),
            ("1\r\na\r", "b"),
            ("fffffffffffffff", "\n"),
            ("ffffffffffffffff", "0\r\n"),
            ("1;a", "\n"),
            ("0\r\na", "\n"),
            ("0\r\n\r", "a"),
        ] {
            let all = format!("{head}{good}{bad}{BAD}");
            for piece in [1, 3, all.len()] {
                let (got, refused) = read(all.as_bytes(), piece);
                assert_eq!(
                    String::from_utf8_lossy(&got),
                    format!("{head}{good}"),
                    "{good}{bad}"
                );
                assert!(refused.is_none());
            }
        }
    }

    #[test]
    fn empty_lines_between_requests_cost_nothing() {
        let all = format!("\r\n\r\n{}\r\n\n{}", GOOD[0], GOOD[2]);
        for piece in [1, 2, all.len()] {
            let (got, _) = read(all.as_bytes(), piece);
            assert_eq!(
                String::from_utf8_lossy(&got),
                format!("{}{}", GOOD[0], GOOD[2])
            );
        }
        let mut gate = RequestGate::new();
        for _ in 0..1000 {
            gate.add(b"\r\n\r\n");
            assert_eq!(gate.next().expect("no body"), GateStep::ReadMore);
        }
        assert!(gate.waiting.is_empty());
    }

    #[test]
    fn an_incomplete_head_is_passed_on_at_the_end() {
        let (got, refused) = read(b"GET / HTTP/1.1\r\nhost", 3);
        assert_eq!(got, b"GET / HTTP/1.1\r\nhost");
        assert!(refused.is_none());
    }

    #[test]
    fn a_malformed_head_is_refused_at_the_end_although_it_is_incomplete() {
        for piece in [1, 5, 100] {
            let (got, refused) = read(b"GET / HTTP/1.1\r\nhost : x", piece);
            let expected = format!("GET{IN_PLACE}");
            assert_eq!(String::from_utf8_lossy(&got), expected, "pieces of {piece}");
            assert!(refused.is_some());
        }
    }
}
