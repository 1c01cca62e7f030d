use super::*;

/// The status that a head is refused with.
fn refused(head: &str) -> u16 {
    reason(head).0
}

/// The status that a head is refused with, and why.
fn reason(head: &str) -> (u16, String) {
    match read(head.as_bytes()) {
        Ok(passed) => panic!("{head:?} passed: {passed:?}"),
        Err(refused) => {
            let problem = &refused.problem;
            (problem.status().as_u16(), problem.error().message().into())
        }
    }
}

fn passed(head: &str) -> BodyFraming {
    match read(head.as_bytes()) {
        Ok(Some(passed)) => {
            assert_eq!(passed.length, head.len(), "{head:?}");
            passed.body
        }
        Ok(None) => panic!("{head:?} is not complete"),
        Err(refused) => panic!("{head:?}: {}", refused.problem.error().message()),
    }
}

#[test]
fn a_target_is_a_path_or_a_whole_uri_and_has_no_fragment() {
    let request = |line: &str| format!("{line} HTTP/1.1\r\nhost: x\r\n\r\n");
    for good in [
        "GET /",
        "GET /v1/files/report%231.txt",
        "GET /v1/files/a?from=/b%23",
        "GET http://x/v1/files/a",
        "GET HTTP://x",
        "OPTIONS *",
        "GET //a",
        "GET /a://b@c",
    ] {
        passed(&request(good));
    }
    for bad in [
        "DELETE /v1/files/report#1.txt",
        "DELETE /v1/files/report.txt#",
        "GET /v1/files/a?from=/b#c",
        "GET http://x/v1/files/a#b",
        "GET http://x#b",
        "OPTIONS *#",
        "GET #",
        "GET *",
        "GET v1/files/a",
        "GET x:80",
        "GET ftp://x/a",
        "GET /a b",
        "GET /a\u{1}",
    ] {
        assert_eq!(refused(&request(bad)), 400, "{bad}");
    }
    assert_eq!(
        refused(&request(&format!("GET /{}", "x".repeat(MAX_TARGET)))),
        414
    );
    assert_eq!(refused(&format!("GET /{}", "x".repeat(MAX_HEAD))), 414);
}

/// RFC 9112 section 3.2.2, RFC 9110 sections 4.2.1 and 4.2.4.
#[test]
fn the_authority_of_a_whole_uri_is_as_well_formed_as_a_host() {
    let request = |target: &str| format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
    for good in [
        "http://other/v1/files/a",
        "HTTPS://files.example.org:8080/v1/files/a",
        "http://127.0.0.1:80",
        "http://[::1]/",
        "http://[::1]:8080?a=b",
        "http://x:/a",
        "http://a_b-c~/a@b:c",
    ] {
        passed(&request(good));
    }
    for (bad, why) in [
        ("http://user@x/a", "user information"),
        ("http://user:password@x:80/a", "user information"),
        ("http://@x/a", "user information"),
        ("http://x@/a", "user information"),
        ("https://x%40y@z", "user information"),
        ("http:///a", "no host"),
        ("http://", "no host"),
        ("http://?a", "no host"),
        ("https://:80/a", "no host"),
        ("http://x:http/a", "malformed host or port"),
        ("http://x:65536/a", "malformed host or port"),
        ("http://x:-1/a", "malformed host or port"),
        ("http://x:80:80/a", "malformed host or port"),
        ("http://[::1/a", "malformed host or port"),
        ("http://[x]/a", "malformed host or port"),
        ("http://::1/a", "malformed host or port"),
        ("http://[::1]80/a", "malformed host or port"),
        ("http://x%4/a", "malformed host or port"),
        ("http://x|y/a", "malformed host or port"),
        ("http://gr\u{f6}\u{df}e/a", "malformed host or port"),
        ("ftp://x/a", "scheme"),
        ("ws://x/a", "scheme"),
        ("callfs+http://x/a", "scheme"),
        ("http:/x/a", "malformed; it is a path"),
        ("http:x", "malformed; it is a path"),
        ("://x/a", "malformed; it is a path"),
        ("1http://x/a", "malformed; it is a path"),
    ] {
        let (status, message) = reason(&request(bad));
        assert_eq!(status, 400, "{bad}");
        assert!(message.contains(why), "{bad}: {message}");
    }
    // It takes the place of a host, which has to be there and well-formed nevertheless.
    let missing = "GET http://x/a HTTP/1.1\r\n\r\n";
    let malformed = "GET http://x/a HTTP/1.1\r\nhost: a b\r\n\r\n";
    for head in [missing, malformed] {
        assert!(reason(head).1.contains("'host'"), "{head}");
    }
}

#[test]
fn a_first_line_is_refused_for_what_is_wrong_with_it() {
    let long = |length: usize| "x".repeat(length);
    let fields = "host: x\r\n\r\n";
    let table = [
        (
            "GET  HTTP/1.1".into(),
            400,
            "target of the request is empty",
        ),
        (
            "PUT  / HTTP/1.1".into(),
            400,
            "target of the request is empty",
        ),
        ("GET ".into(), 400, "target of the request is empty"),
        ("GET HTTP/1.1".into(), 400, "has no target"),
        ("GET /".into(), 400, "has no version"),
        ("GET /a b HTTP/1.1".into(), 400, "'%20'"),
        ("GET /a\tb HTTP/1.1".into(), 400, "percent-encoded"),
        ("GET /a\u{7f} HTTP/1.1".into(), 400, "percent-encoded"),
        ("GET / HTTP/2.0".into(), 400, "no other version"),
        ("GET v1 HTTP/1.1".into(), 400, "starts with '/'"),
        ("GET x:80 HTTP/1.1".into(), 400, "starts with '/'"),
        ("GET * HTTP/1.1".into(), 400, "starts with '/'"),
        (" / HTTP/1.1".into(), 400, "not a request"),
        ("GET".into(), 400, "not a request"),
        ("\"GET\" / HTTP/1.1".into(), 400, "not a request"),
        ("G\u{e4}T / HTTP/1.1".into(), 400, "not a request"),
        ("CONNECT x:80 HTTP/1.1".into(), 501, "CONNECT"),
        ("CONNECT / HTTP/1.1".into(), 501, "CONNECT"),
        ("CONNECT x:80# HTTP/1.1".into(), 501, "CONNECT"),
        (
            format!("{} / HTTP/1.1", long(MAX_METHOD + 1)),
            501,
            "method",
        ),
        (format!("{} / HTTP/1.1", long(40_000)), 501, "method"),
        (format!("{} / HTTP/1.1", long(70_000)), 501, "method"),
        (long(70_000), 501, "method"),
        (format!("GET /{} HTTP/1.1", long(40_000)), 414, "target"),
        (format!("GET /{} HTTP/1.1", long(70_000)), 414, "target"),
        (format!("GET /{}", long(70_000)), 414, "target"),
    ];
    for (line, status, why) in table {
        let start = &line[..line.len().min(60)];
        // A line that is too long is refused before its end.
        let rest = if line.len() > MAX_HEAD {
            String::new()
        } else {
            format!("\r\n{fields}")
        };
        for before in ["", "\r\n\n"] {
            let (refused, message) = reason(&format!("{before}{line}{rest}"));
            assert_eq!(refused, status, "{start}: {message}");
            assert!(message.contains(why), "{start}: {message}");
        }
    }
    passed(&format!("{} / HTTP/1.1\r\n{fields}", long(MAX_METHOD)));
}

#[test]
fn a_host_is_given_once_and_well_formed() {
    let with = |version: &str, lines: &str| format!("GET / HTTP/{version}\r\n{lines}\r\n");
    for good in [
        "host: x",
        "Host: files.example.org:8080",
        "HOST:127.0.0.1",
        "host: [::1]:80",
        "host: [::1]",
        "host: x:",
        "host: ",
        "host: a_b-c~%41",
    ] {
        passed(&with("1.1", &format!("{good}\r\n")));
    }
    for bad in [
        "a: b\r\n",
        "host: x\r\nhost: x\r\n",
        "host: x\r\nHost: y\r\n",
        "host: a b\r\n",
        "host: a/b\r\n",
        "host: user@x\r\n",
        "host: x:80:80\r\n",
        "host: x:http\r\n",
        "host: x:65536\r\n",
        "host: [::1\r\n",
        "host: [x]\r\n",
        "host: [::1]80\r\n",
        "host: ::1\r\n",
        "host: x%4\r\n",
        "host: x?\r\n",
        "host: x#\r\n",
        "host: http://x\r\n",
        "host: größe\r\n",
    ] {
        assert_eq!(refused(&with("1.1", bad)), 400, "{bad}");
    }
    passed(&with("1.0", "a: b\r\n"));
    assert_eq!(refused(&with("1.0", "host: x\r\nhost: x\r\n")), 400);
}

#[test]
fn a_body_ends_by_one_length_or_by_chunks() {
    let with = |version: &str, lines: &str| {
        format!("PUT /v1/files/a HTTP/{version}\r\nhost: x\r\n{lines}\r\n")
    };
    for (lines, body) in [
        ("", BodyFraming::Sized(0)),
        ("content-length: 0\r\n", BodyFraming::Sized(0)),
        ("content-length: 042\r\n", BodyFraming::Sized(42)),
        ("transfer-encoding: chunked\r\n", BodyFraming::Chunked),
        ("Transfer-Encoding:  Chunked \r\n", BodyFraming::Chunked),
    ] {
        assert_eq!(passed(&with("1.1", lines)), body, "{lines}");
    }
    for (lines, status) in [
        ("transfer-encoding: gzip, chunked\r\n", 501),
        (
            "transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n",
            501,
        ),
        ("transfer-encoding: chunked;x=1, chunked\r\n", 501),
        ("transfer-encoding: chunked, chunked\r\n", 400),
        (
            "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
            400,
        ),
        ("transfer-encoding: chunked, gzip\r\n", 400),
        ("transfer-encoding: gzip\r\n", 400),
        ("transfer-encoding: identity\r\n", 400),
        ("transfer-encoding: chunked,\r\n", 400),
        ("transfer-encoding: \r\n", 400),
        ("transfer-encoding: chunked;x=1\r\n", 400),
        ("transfer-encoding: chunked\r\ncontent-length: 1\r\n", 400),
        ("content-length: 1\r\ncontent-length: 1\r\n", 400),
        ("content-length: 1\r\ncontent-length: 2\r\n", 400),
        ("content-length: 1, 1\r\n", 400),
        ("content-length: +1\r\n", 400),
        ("content-length: 0x1\r\n", 400),
        ("content-length: \r\n", 400),
        ("content-length: 18446744073709551616\r\n", 400),
    ] {
        assert_eq!(refused(&with("1.1", lines)), status, "{lines}");
    }
    assert_eq!(refused(&with("1.0", "transfer-encoding: chunked\r\n")), 400);
}

#[test]
fn a_head_that_is_not_complete_is_waited_for_as_long_as_it_may_be() {
    let whole = "GET / HTTP/1.1\r\nhost: x\r\nx-long: ";
    for end in 1..whole.len() {
        let partial = read(&whole.as_bytes()[..end]);
        assert!(matches!(partial, Ok(None)), "{partial:?}");
    }
    assert_eq!(refused(&format!("{whole}{}", "x".repeat(MAX_HEAD))), 431);
    let many = "a: b\r\n".repeat(MAX_FIELDS);
    assert_eq!(
        refused(&format!("GET / HTTP/1.1\r\nhost: x\r\n{many}\r\n")),
        431
    );
}

#[test]
fn what_is_no_request_is_refused_at_once() {
    for bytes in [
        "\u{16}\u{3}\u{1}",
        "GET / HTTP/2.0\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\r\na b: c\r\n",
        "GET / HTTP/1.1\r\nhost : x\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\n folded\r\n\r\n",
        "G\u{0}T / HTTP/1.1\r\n",
        "GET  / HTTP/1.1\r\nhost: x\r\n\r\n",
    ] {
        assert_eq!(refused(bytes), 400, "{bytes:?}");
    }
}

#[test]
fn a_refused_head_keeps_its_method_path_and_id() {
    let head = "HEAD /a?b#c HTTP/1.1\r\nhost: x\r\nx-request-id: mine\r\n\r\n";
    let refused = read(head.as_bytes()).expect_err("a fragment");
    assert!(refused.is_head());
    let request = refused.into_request();
    assert_eq!(request.uri(), "/a");
    assert_eq!(request.headers()["x-request-id"], "mine");
    assert!(request.extensions().get::<Problem>().is_some());
    for (target, path) in [
        ("http://user@x/a/b?c", "/a/b"),
        ("http:///a", "/a"),
        ("ftp://x/a#b", "/a"),
        ("http://x:y?a=/b", "/"),
        ("x?y=http://z/a", "/"),
        ("x:80", "/"),
    ] {
        let head = format!("GET {target} HTTP/1.1\r\nhost: x\r\n\r\n");
        let refused = read(head.as_bytes()).expect_err(target);
        assert_eq!(refused.into_request().uri(), path, "{target}");
    }
}
