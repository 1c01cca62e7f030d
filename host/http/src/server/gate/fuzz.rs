//! Any bytes on a connection: the gate passes the same ones in whatever pieces they come, and the
//! HTTP library finds the same requests in them, with the same bodies.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use callfs_test_fuzz::FuzzTarget;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncRead;

use super::super::head::fuzz::{CORPUS, TOKENS};
use super::*;

/// What the gate made of a connection.
#[derive(Debug, Default, PartialEq, Eq)]
struct PassedBytes {
    bytes: Vec<u8>,
    /// Where the heads begin in them.
    heads: Vec<usize>,
    is_refused: bool,
    is_lost: bool,
}

/// A request as the library or this test reads it.
#[derive(Debug, PartialEq, Eq)]
struct ReadRequest {
    method: String,
    uri: String,
    fields: usize,
    /// None if it is incomplete or malformed.
    body: Option<Vec<u8>>,
    /// Whether no other request follows it on the connection.
    is_last: bool,
}

/// What passes of bytes that come in pieces of these lengths.
fn passed(mut input: &[u8], mut piece: impl FnMut() -> usize) -> PassedBytes {
    let mut gate = RequestGate::new();
    let mut passed = PassedBytes::default();
    let mut take = || {
        let (piece, rest) = input.split_at(piece().min(input.len()));
        input = rest;
        piece
    };
    loop {
        let was_before_head = gate.ready == 0 && gate.phase == Phase::Head;
        let step = gate.next();
        passed.is_refused |= gate.refused().is_some();
        match step {
            Ok(GateStep::Take) => {
                if was_before_head {
                    passed.heads.push(passed.bytes.len());
                }
                let mut space = [0; 100];
                let mut room = ReadBuf::new(&mut space);
                gate.take(&mut room);
                assert!(!room.filled().is_empty());
                passed.bytes.extend_from_slice(room.filled());
            }
            Ok(GateStep::ReadBody) => {
                assert!(gate.waiting.is_empty());
                let piece = take();
                if piece.is_empty() {
                    return passed;
                }
                let length = gate.pass(piece);
                passed.bytes.extend_from_slice(&piece[..length]);
            }
            Ok(GateStep::ReadMore) => {
                assert!(gate.waiting.len() <= head::MAX_HEAD);
                gate.add(take());
                // At the end it is judged at once.
                if gate.phase == Phase::Refused {
                    passed.heads.push(passed.bytes.len());
                }
            }
            Ok(GateStep::Nothing) => {
                assert!(passed.is_refused && passed.bytes.ends_with(IN_PLACE.as_bytes()));
                return passed;
            }
            Ok(GateStep::End) => return passed,
            Err(_) => {
                passed.is_lost = true;
                return passed;
            }
        }
    }
}

/// The requests that begin at these heads, read once more and by other means.
fn expected(passed: &PassedBytes) -> Vec<ReadRequest> {
    let ends = passed.heads.iter().skip(1).copied();
    let ends = ends.chain([passed.bytes.len()]);
    let ranges = passed.heads.iter().copied().zip(ends);
    let read = |(start, end): (usize, usize)| {
        let (request, length) = read_one(&passed.bytes[start..end]);
        // What follows the last one is the beginning of another head.
        let is_followed = end < passed.bytes.len();
        assert!(!is_followed || request.body.is_some() && start + length == end);
        request
    };
    ranges.map(read).collect()
}

/// The request at the beginning of these bytes, and its length.
fn read_one(bytes: &[u8]) -> (ReadRequest, usize) {
    let mut fields = [httparse::EMPTY_HEADER; 100];
    let mut head = httparse::Request::new(&mut fields);
    let parsed = head.parse(bytes).expect("a head");
    let mut rest = &bytes[parsed.unwrap()..];
    let value = |name: &str| {
        let mut fields = head.headers.iter();
        let field = fields.find(|field| field.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(field.value).trim().to_lowercase())
    };
    let body = match (value("transfer-encoding"), value("content-length")) {
        (Some(_), _) => dechunked(&mut rest),
        (None, length) => {
            let length = length.map_or(0, |text| text.parse().expect("a number"));
            rest.split_off(..length).map(<[u8]>::to_vec)
        }
    };
    let is_closing = |field: &httparse::Header<'_>| {
        field.name.eq_ignore_ascii_case("connection")
            && field
                .value
                .to_ascii_lowercase()
                .windows(5)
                .any(|word| word == b"close")
    };
    let uri: http::Uri = head.path.unwrap_or_default().parse().expect("a URI");
    let closes = head.headers.iter().any(is_closing) || head.version == Some(0);
    let request = ReadRequest {
        method: head.method.unwrap_or_default().to_owned(),
        uri: uri.to_string(),
        fields: head.headers.len(),
        is_last: closes || body.is_none(),
        body,
    };
    (request, bytes.len() - rest.len())
}

/// The data of all chunks, and the rest is what follows them; none unless they are well-formed.
fn dechunked(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let mut data = Vec::new();
    loop {
        let line = String::from_utf8_lossy(line(rest)?);
        let size = line.split([';', ' ', '\t']).next()?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            break;
        }
        data.extend_from_slice(rest.split_off(..size)?);
        *rest = rest.strip_prefix(b"\r\n")?;
    }
    while !line(rest)?.is_empty() {}
    Some(data)
}

fn line<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
    let line = &rest[..end];
    *rest = &rest[end + 2..];
    Some(line)
}

/// Bytes that end a while after the last one, so that what came before is served first.
struct PausedEnd<'a>(&'a [u8], usize);

impl AsyncRead for PausedEnd<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.0.is_empty() && self.1 > 0 {
            self.1 -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

/// The requests that the library reads.
async fn library(bytes: &[u8]) -> Vec<ReadRequest> {
    let requests = RefCell::new(Vec::new());
    let service = service_fn(|request: Request<Incoming>| {
        let requests = &requests;
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await.ok();
            requests.borrow_mut().push(ReadRequest {
                method: head.method.to_string(),
                uri: head.uri.to_string(),
                fields: head.headers.len(),
                is_last: body.is_none(),
                body: body.map(|body| body.to_bytes().to_vec()),
            });
            let mut response = Response::new(Empty::<bytes::Bytes>::new());
            *response.status_mut() = StatusCode::NOT_FOUND;
            Ok::<_, Infallible>(response)
        }
    });
    let stream = tokio::io::join(PausedEnd(bytes, 20), tokio::io::sink());
    let connection = super::super::builder().serve_connection(TokioIo::new(stream), service);
    // It fails where a body is malformed or incomplete, which the requests show.
    let _ = connection.await;
    requests.into_inner()
}

#[test]
fn the_gate_and_the_library_find_the_same_requests() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    let pairs: Vec<String> = CORPUS.windows(2).map(|pair| pair.concat()).collect();
    let target = FuzzTarget::new("gate", 20_000)
        .corpus(&CORPUS)
        .corpus(&pairs)
        .tokens(&TOKENS)
        .longest(head::MAX_HEAD + 100);
    target.run(|input, random| {
        let whole = passed(input, || input.len());
        assert_eq!(passed(input, || 1), whole, "in pieces of one byte");
        let longest = random.usize(1..=input.len().max(1));
        let random_pieces = passed(input, || random.usize(1..=longest));
        assert_eq!(random_pieces, whole, "in pieces of up to {longest}");

        let expected = expected(&whole);
        let found = runtime.block_on(library(&whole.bytes));
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(
                (&found.method, &found.uri, found.fields),
                (&expected.method, &expected.uri, expected.fields)
            );
            // The library is stricter about extensions of chunks and trailers.
            assert!(found.body.is_none() || found.body == expected.body);
        }
        assert!(found.len() <= expected.len(), "{found:#?} {expected:#?}");
        // It leaves out none, but those after one that ends the connection.
        let mut served = found.iter().zip(&expected);
        let is_last = served
            .next_back()
            .is_some_and(|(one, other)| one.is_last || other.is_last);
        assert!(
            found.len() == expected.len() || is_last,
            "{found:#?} {expected:#?}"
        );
        !whole.is_refused && !whole.is_lost && !expected.is_empty()
    });
}
