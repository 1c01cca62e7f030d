//! `Range` and `If-Range` on `GET /v1/files/{path}`, and that `HEAD` takes no notice of them (RFC
//! 9110 section 14).

use crate::harness::{Client, Gateway, Reply, Setup, bytes};

const SIZE: usize = 100_000;

/// Alice's file of so many bytes.
async fn file(gateway: &Gateway, size: usize) -> (Client, Vec<u8>) {
    let alice = gateway.alice();
    let content = bytes(1, size);
    alice
        .put("/a.bin", content.clone())
        .header("content-type", "application/x-thing")
        .await
        .is(201);
    (alice, content)
}

/// The parts of a `multipart/byteranges` body, read as strictly as RFC 2046 is: where each starts,
/// and its bytes.
#[track_caller]
fn parts(reply: &Reply, kind: &str, size: usize) -> Vec<(usize, Vec<u8>)> {
    let outer = reply.header("content-type");
    let boundary = outer
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap_or_else(|| panic!("{outer}"));
    assert_eq!(reply.header("content-range"), "", "only parts have a range");
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    let mut parts = Vec::new();
    let mut rest = reply
        .body
        .strip_prefix(format!("--{boundary}").as_bytes())
        .expect("starts with its boundary");
    while let Some(part) = rest.strip_prefix(b"\r\n") {
        let end = part
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .expect("a head");
        let head = String::from_utf8(part[..end].to_vec()).expect("text");
        let field = |name: &str| {
            let lines = head.lines().filter_map(|line| line.split_once(": "));
            lines
                .filter(|(key, _)| key.eq_ignore_ascii_case(name))
                .map(|(_, value)| value.to_owned())
                .next()
        };
        assert_eq!(field("content-type").as_deref(), Some(kind));
        let range = field("content-range").expect("a range");
        let (range, of) = range
            .strip_prefix("bytes ")
            .and_then(|range| range.split_once('/'))
            .expect("of bytes");
        assert_eq!(of, size.to_string());
        let (first, last) = range.split_once('-').expect("two positions");
        let first: usize = first.parse().expect("a number");
        let last: usize = last.parse().expect("a number");
        let (content, after) = part[end + 4..].split_at(last - first + 1);
        parts.push((first, content.to_vec()));
        rest = after
            .strip_prefix(format!("\r\n--{boundary}").as_bytes())
            .expect("ends with the boundary");
    }
    assert_eq!(rest, b"--\r\n", "the end");
    parts
}

#[tokio::test]
async fn defect_13_one_range_is_a_206_with_everything_a_200_has() {
    let gateway = Gateway::start().await;
    let (alice, content) = file(&gateway, SIZE).await;
    let whole = alice.get("/a.bin").await.is(200);
    assert_eq!(whole.header("accept-ranges"), "bytes");
    let table = [
        ("bytes=0-0", 0..1),
        ("bytes=0-499", 0..500),
        ("bytes=500-", 500..SIZE),
        ("bytes=-500", SIZE - 500..SIZE),
        ("bytes=99999-99999", SIZE - 1..SIZE),
        ("bytes=99000-200000", SIZE - 1000..SIZE),
        ("bytes=-200000", 0..SIZE),
        ("bytes=0-", 0..SIZE),
        ("BYTES=7-9", 7..10),
        ("bytes=0-9,10-19", 0..20),
        ("bytes=0-9,200000-", 0..10),
    ];
    for (range, expected) in table {
        let got = alice.get("/a.bin").header("range", range).await.is(206);
        let content_range = format!("bytes {}-{}/{SIZE}", expected.start, expected.end - 1);
        assert_eq!(got.header("content-range"), content_range, "{range}");
        assert_eq!(
            got.header("content-length"),
            expected.len().to_string(),
            "{range}"
        );
        assert!(got.body == content[expected], "{range}");
        for (name, value) in &whole.headers {
            if !["date", "x-request-id", "content-length"].contains(&name.as_str()) {
                assert_eq!(got.headers.get(name), Some(value), "{range}: {name}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_range_of_bytes_is_ignored() {
    let gateway = Gateway::start().await;
    let (alice, content) = file(&gateway, 1000).await;
    const NONE: [&str; 16] = [
        "bytes=2-1",
        "bytes=a-b",
        "bytes=",
        "bytes=-",
        "bytes",
        "items=0-1",
        "bytes=0-1;2-3",
        "bytes=0-1,x",
        "bytes=0-1,3-2",
        "bytes 0-1",
        "bytes=0x0-0x1",
        "bytes=+0-1",
        "bytes=0-1-2",
        "bytes=--1",
        "bytes=0 - 1",
        ",",
    ];
    for range in NONE {
        let got = alice.get("/a.bin").header("range", range).await.is(200);
        assert!(
            got.body == content && got.header("content-range").is_empty(),
            "{range}"
        );
    }
}

/// A client that asks for two things does not get one of them, or all.
#[tokio::test]
async fn two_lines_are_no_range() {
    let gateway = Gateway::start().await;
    let (alice, _) = file(&gateway, 1000).await;
    let etag = alice.get("/a.bin").await.is(200).etag();
    let twice = [
        ("range", ["bytes=0-1", "bytes=2-3"]),
        ("range", ["bytes=0-1", "bytes=0-1"]),
        ("range", ["bytes=0-1", "items=2-3"]),
        ("range", ["", "bytes=0-1"]),
        ("if-range", [etag.as_str(), "\"another\""]),
        ("if-range", ["\"another\"", &etag]),
        ("if-range", [&etag, &etag]),
    ];
    for (name, values) in twice {
        let other = if name == "range" { "if-match" } else { "range" };
        let harmless = if name == "range" { "*" } else { "bytes=0-1" };
        let call = alice.get("/a.bin").header(other, harmless);
        let both = call.header(name, values[0]).header(name, values[1]);
        let detail = both.await.detail(400, "BAD_REQUEST");
        assert!(detail.contains(name), "{values:?}: {detail}");
    }
}

#[tokio::test]
async fn what_lies_outside_is_a_416_that_tells_the_size() {
    let gateway = Gateway::start().await;
    let (alice, _) = file(&gateway, 1000).await;
    for range in [
        "bytes=1000-",
        "bytes=1000-2000",
        "bytes=-0",
        "bytes=99999999999999999999999-",
        "bytes=5000-,-0",
    ] {
        let got = alice.get("/a.bin").header("range", range).await;
        let detail = got.detail(416, "RANGE_NOT_SATISFIABLE");
        assert!(
            detail.contains("/a.bin") && detail.contains("1000"),
            "{detail}"
        );
        assert_eq!(got.header("content-range"), "bytes */1000", "{range}");
    }
}

#[tokio::test]
async fn an_empty_file_has_no_ranges() {
    let gateway = Gateway::start().await;
    let (alice, _) = file(&gateway, 0).await;
    for range in ["bytes=0-", "bytes=0-0", "bytes=-0"] {
        let got = alice.get("/a.bin").header("range", range).await;
        got.problem(416, "RANGE_NOT_SATISFIABLE");
        assert_eq!(got.header("content-range"), "bytes */0", "{range}");
    }
    let end = alice
        .get("/a.bin")
        .header("range", "bytes=-5")
        .await
        .is(200);
    assert_eq!((end.header("content-length"), end.body.len()), ("0", 0));
}

#[tokio::test]
async fn several_ranges_are_parts_in_the_order_they_were_asked_for() {
    let gateway = Gateway::start().await;
    let (alice, content) = file(&gateway, SIZE).await;
    let table: [(&str, &[std::ops::Range<usize>]); 4] = [
        ("bytes=0-0,-1", &[0..1, SIZE - 1..SIZE]),
        (
            "bytes=5000-5999, 100-199 ,-7",
            &[5000..6000, 100..200, SIZE - 7..SIZE],
        ),
        // What overlaps or touches is one part, and what is outside is none.
        (
            "bytes=500-600,0-1,601-700,550-650,200000-",
            &[500..701, 0..2],
        ),
        ("bytes=0-1,70000-99999,3-4", &[0..2, 70_000..SIZE, 3..5]),
    ];
    for (range, expected) in table {
        let got = alice.get("/a.bin").header("range", range).await.is(206);
        let expected: Vec<_> = expected
            .iter()
            .map(|part| (part.start, content[part.clone()].to_vec()))
            .collect();
        assert!(
            parts(&got, "application/x-thing", SIZE) == expected,
            "{range}"
        );
    }
}

#[tokio::test]
async fn nobody_gets_more_than_there_is() {
    let gateway = Gateway::start().await;
    let (alice, content) = file(&gateway, SIZE).await;
    let many = |one: &dyn Fn(usize) -> String| {
        format!("bytes={}", (0..1000).map(one).collect::<Vec<_>>().join(","))
    };
    let same = alice
        .get("/a.bin")
        .header("range", &many(&|_| "0-".into()))
        .await
        .is(206);
    assert!(same.body == content);
    let overlapping = alice
        .get("/a.bin")
        .header("range", &many(&|i| format!("{i}-{}", 50_000 + i)))
        .await
        .is(206);
    assert!(overlapping.body == content[..51_000]);
    let scattered = alice
        .get("/a.bin")
        .header("range", &many(&|i| format!("{}-{0}", 2 * i)))
        .await
        .is(200);
    assert!(scattered.body == content);
}

/// RFC 9110 section 17.15: what is in front of the parts is little, too, whatever the file and its
/// type.
#[tokio::test]
async fn parts_of_a_small_file_are_few_and_their_heads_short() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let kind = |length: usize| format!("text/plain; x={}", "y".repeat(length - 14));
    alice
        .put("/a.bin", bytes(1, 100))
        .header("content-type", &kind(256))
        .await
        .problem(400, "BAD_REQUEST");
    alice
        .put("/a.bin", bytes(1, 100))
        .header("content-type", &kind(255))
        .await
        .is(201);
    let every_other = |count: usize| {
        (0..count)
            .map(|i| format!("{}-{0}", 2 * i))
            .collect::<Vec<_>>()
            .join(",")
    };
    let sixteen = alice
        .get("/a.bin")
        .header("range", &format!("bytes={}", every_other(16)))
        .await
        .is(206);
    assert_eq!(parts(&sixteen, &kind(255), 100).len(), 16);
    assert!(
        sixteen.body.len() < 8192,
        "{} bytes of 100",
        sixteen.body.len()
    );
    let seventeen = alice
        .get("/a.bin")
        .header("range", &format!("bytes={}", every_other(17)))
        .await
        .is(200);
    assert!(seventeen.body == bytes(1, 100));
}

#[tokio::test]
async fn preconditions_come_first() {
    let gateway = Gateway::start().await;
    let (alice, _) = file(&gateway, 1000).await;
    let whole = alice.get("/a.bin").await.is(200);
    let etag = whole.etag();
    let modified = whole.header("last-modified").to_owned();
    let long_ago = "Sun, 06 Nov 1994 08:49:37 GMT";
    let cases: [(&[(&str, &str)], u16); 9] = [
        (&[("if-none-match", &etag)], 304),
        (&[("if-modified-since", &modified)], 304),
        (&[("if-match", "\"another\"")], 412),
        (&[("if-unmodified-since", long_ago)], 412),
        (&[("if-match", &etag)], 206),
        (&[("if-none-match", "\"another\"")], 206),
        (&[("if-match", &etag), ("if-range", "\"another\"")], 200),
        (&[("if-none-match", &etag), ("if-range", &etag)], 304),
        (&[("if-range", &etag)], 206),
    ];
    for (headers, status) in cases {
        for range in ["bytes=0-9", "bytes=0-9,20-29", "bytes=5000-"] {
            let call = alice.get("/a.bin").header("range", range);
            let reply = headers
                .iter()
                .fold(call, |call, (name, value)| call.header(name, value))
                .await;
            let status = if status == 206 && range == "bytes=5000-" {
                416
            } else {
                status
            };
            assert_eq!(reply.status, status, "{range} with {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_download_is_resumed_only_if_it_is_the_same_version() {
    let gateway = Gateway::start().await;
    let (alice, content) = file(&gateway, SIZE).await;
    // A date tells versions apart only once its second is over.
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    let on_disk = std::fs::File::options()
        .write(true)
        .open(gateway.path("files/a.bin"))
        .expect("there");
    on_disk.set_modified(old).expect("a time");
    let whole = alice.get("/a.bin").await.is(200);
    let etag = whole.etag();
    let modified = whole.header("last-modified").to_owned();
    let resume = async |condition: &str| {
        let call = alice.get("/a.bin").header("range", "bytes=40000-");
        call.header("if-range", condition).await
    };
    for condition in [&etag, &modified] {
        let rest = resume(condition).await.is(206);
        assert!(
            [&content[..40_000], &rest.body].concat() == content,
            "{condition}"
        );
        assert_eq!(rest.etag(), etag);
    }
    let weak = format!("W/{etag}");
    let earlier = "Sun, 06 Nov 1994 08:49:37 GMT";
    let later = httpdate::fmt_http_date(std::time::SystemTime::now());
    for condition in [
        weak.as_str(),
        "\"another\"",
        "another",
        earlier,
        &later,
        "yesterday",
        "",
    ] {
        assert!(
            resume(condition).await.is(200).body == content,
            "{condition}"
        );
    }
    alice.put("/a.bin", bytes(2, SIZE)).await.is(200);
    for condition in [&etag, &modified] {
        assert!(
            resume(condition).await.is(200).body == bytes(2, SIZE),
            "{condition}"
        );
    }
    // Without a range the condition says nothing, also where the range would not be satisfiable.
    assert!(
        alice
            .get("/a.bin")
            .header("if-range", &etag)
            .await
            .is(200)
            .body
            == bytes(2, SIZE)
    );
    alice
        .get("/a.bin")
        .header("range", "bytes=200000-")
        .header("if-range", &etag)
        .await
        .is(200);
}

#[tokio::test]
async fn head_takes_no_notice_of_ranges() {
    let gateway = Gateway::start().await;
    let (alice, _) = file(&gateway, 1000).await;
    let plain = alice.head("/a.bin").await.is(200);
    for range in ["bytes=0-9", "bytes=0-9,20-29", "bytes=5000-"] {
        let head = alice.head("/a.bin").header("range", range).await.is(200);
        for (name, value) in &plain.headers {
            if name != "date" && name != "x-request-id" {
                assert_eq!(head.headers.get(name), Some(value), "{range}: {name}");
            }
        }
        assert!(head.header("content-range").is_empty());
    }
    assert_eq!(plain.header("content-length"), "1000");
}

#[tokio::test]
async fn what_a_component_streams_has_ranges_too() {
    const STREAMED: u64 = 1 << 20;
    // One instance: a stream that is open must not keep the part from being opened.
    let gateway = Setup::hostile().limits("instances = 1").start().await;
    let alice = gateway.alice();
    let numbered =
        |range: std::ops::Range<u64>| range.map(|place| (place % 251) as u8).collect::<Vec<u8>>();
    let get = async |range: &str| alice.get("/hostile/numbered").header("range", range).await;
    assert!(alice.get("/hostile/numbered").await.is(200).body == numbered(0..STREAMED));
    for (range, expected) in [
        ("bytes=1000-1999", 1000..2000),
        ("bytes=1000000-", 1_000_000..STREAMED),
        ("bytes=-5", STREAMED - 5..STREAMED),
        ("bytes=0-", 0..STREAMED),
    ] {
        let got = get(range).await.is(206);
        let content_range = format!("bytes {}-{}/{STREAMED}", expected.start, expected.end - 1);
        assert_eq!(got.header("content-range"), content_range);
        assert!(got.body == numbered(expected), "{range}");
    }
    let several = get("bytes=700000-799999,5-9").await.is(206);
    let expected = [(700_000, numbered(700_000..800_000)), (5, numbered(5..10))];
    assert!(parts(&several, "application/octet-stream", STREAMED as usize) == expected);
    get("bytes=2000000-")
        .await
        .problem(416, "RANGE_NOT_SATISFIABLE");
}
