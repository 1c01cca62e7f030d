//! Any bytes as the head of a request: what passes is complete, says the end of its body once, and
//! passes in whatever pieces it comes; what is refused can still be answered.

use callfs_test_fuzz::FuzzTarget;

use super::*;

/// Also for the [gate](super::super::gate).
pub(in crate::server) const CORPUS: [&str; 41] = [
    "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET / HTTP/1.1\nhost: x\n\n",
    "\r\n\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
    "HEAD /v1/files/report%231.txt?a=b HTTP/1.1\r\nHost: files.example.org:8080\r\n\r\n",
    "GET http://x/v1/files/a HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nhost: [::1]:80\r\n\r\n",
    "CONNECT x:80 HTTP/1.1\r\nhost: x:80\r\n\r\n",
    "GET HTTPS://[::1]:80?a HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET http://user:p@x:80/a HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET http://:80/a HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET ftp://x/a HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET  HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET /a HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello",
    "PUT /a HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc",
    "PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: 30\r\n\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n!!!",
    "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n\
     5\r\nhello\r\nA;b=\"c\"\r\n0123456789\r\n00\r\na: b\r\nc: d\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: x\r\nTransfer-Encoding:  Chunked \r\n\r\n\
     1d\r\nGET /b HTTP/1.1\r\nhost: x\r\n\r\n!\r\n0\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3 \r\nabc\r\n0\t;x\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\nabc",
    "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n\
     0\r\n\r\n",
    "PUT /a HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: +1\r\n\r\na",
    "PUT /a HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551615\r\n\r\na",
    "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\nhost: y\r\n\r\n",
    "GET / HTTP/1.1\r\na: b\r\n\r\n",
    "DELETE /v1/files/a#b HTTP/1.1\r\nhost: x\r\nx-request-id: mine\r\n\r\n",
    "GET /a b HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET //a/../%2e?x#y HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET / HTTP/2.0\r\nhost: x\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\u{16}\u{3}\u{1}",
    "get /\u{e4} HTTP/1.1\r\nhost: x\r\nx-a: \u{e4}\r\n\r\n",
    "M-SEARCH /a HTTP/1.1\r\nhost:\r\naccept: */*\r\nrange: bytes=0-1\r\nif-match: \"a\"\r\n\r\n",
];

pub(in crate::server) const TOKENS: [&str; 51] = [
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    "\0",
    "#",
    "?",
    "%",
    ":",
    ";",
    ",",
    "\u{e4}",
    "\u{7f}",
    "GET ",
    "HEAD ",
    "PUT ",
    "CONNECT ",
    "OPTIONS * ",
    "/v1/files/a",
    "http://x",
    "https://",
    "@",
    "[::1]",
    "HTTP/1.1",
    "HTTP/1.0",
    "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    "host: x\r\n",
    "content-length: 0\r\n",
    "content-length: 5\r\n",
    "Content-Length:5\r\n",
    "content-length",
    "transfer-encoding: chunked\r\n",
    "Transfer-Encoding:\tCHUNKED\r\n",
    "transfer-encoding: identity\r\n",
    "transfer-encoding",
    "chunked",
    "connection: close\r\n",
    "connection: keep-alive\r\n",
    "expect: 100-continue\r\n",
    "a: b\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "5\r\nhello\r\n",
    "f",
    "00000000000000000",
    ";a=b",
    "1",
    "5",
    "-",
];

fn values<'h>(head: &'h httparse::Request<'_, '_>, name: &str) -> Vec<&'h [u8]> {
    let fields = head.headers.iter();
    let fields = fields.filter(|field| field.name.to_ascii_lowercase() == name);
    fields.map(|field| field.value).collect()
}

fn check_passed(bytes: &[u8], passed: &CheckedHead) {
    assert!(passed.length <= bytes.len().min(MAX_HEAD));
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    let parsed = head.parse(&bytes[..passed.length]);
    assert_eq!(parsed, Ok(Status::Complete(passed.length)));
    let target = head.path.expect("complete");
    assert!(target.len() <= MAX_TARGET);
    assert!(head.method.expect("complete").len() <= MAX_METHOD);
    let uri: Uri = target.parse().expect("a URI");
    assert!(uri.authority().is_none_or(|authority| {
        !authority.host().is_empty() && !authority.as_str().contains('@')
    }));
    assert_eq!(uri.query(), target.split_once('?').map(|(_, query)| query));
    assert!(!target.contains('#'));
    let hosts = values(&head, "host").len();
    assert!(hosts == 1 || hosts == 0 && head.version == Some(0));
    let lengths = values(&head, "content-length");
    let codings = values(&head, "transfer-encoding");
    match passed.body {
        BodyFraming::Sized(size) => {
            assert!(codings.is_empty());
            let told = lengths.iter().map(|value| {
                let text = std::str::from_utf8(value).expect("digits");
                text.trim().parse().expect("digits")
            });
            let told: Vec<u64> = told.collect();
            assert!(told == [size] || told.is_empty() && size == 0, "{told:?}");
        }
        BodyFraming::Chunked => {
            assert!(lengths.is_empty() && codings.len() == 1 && head.version == Some(1));
            assert!(codings[0].trim_ascii().eq_ignore_ascii_case(b"chunked"));
        }
    }
}

#[test]
fn a_head_passes_by_itself_and_in_any_pieces_or_is_refused() {
    let target = FuzzTarget::new("head", 60_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS)
        .longest(MAX_HEAD + 100);
    target.run(|input, random| match read(input) {
        Ok(None) => {
            assert!(input.len() <= MAX_HEAD);
            false
        }
        Ok(Some(passed)) => {
            check_passed(input, &passed);
            // What follows it changes nothing, and a part of it is only a part.
            let alone = read(&input[..passed.length]);
            assert_eq!(alone.expect("passes alone").as_ref(), Some(&passed));
            for _ in 0..4 {
                let part = read(&input[..random.usize(..passed.length)]);
                assert_eq!(part.expect("a part is not refused"), None);
            }
            true
        }
        Err(refused) => {
            let status = refused.problem.status().as_u16();
            assert!([400, 414, 431, 501].contains(&status), "{status}");
            let request = refused.into_request();
            let target = request.uri().to_string();
            assert!(target.starts_with('/') && target.len() <= MAX_TARGET);
            assert!(!target.contains(['?', '#']) && request.headers().len() <= MAX_FIELDS);
            false
        }
    });
}
