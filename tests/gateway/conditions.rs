//! Conditional requests, rule by rule: RFC 9110 section 13, on every method of `/v1/files/{path}`.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::harness::{Call, Client, Gateway, Reply, eventually};

/// When the files of these tests were last changed: at a half of its second, long ago, so that a
/// date tells.
const MODIFIED: Duration = Duration::from_millis(1_600_000_000_500);
const AT: &str = "Sun, 13 Sep 2020 12:26:40 GMT";
const BEFORE: &str = "Sun, 13 Sep 2020 12:26:39 GMT";
const AFTER: &str = "Sun, 13 Sep 2020 12:26:41 GMT";

type Headers = &'static [(&'static str, &'static str)];

/// Header fields (`$E` is the entity tag without its quotes), what a read answers, and whether a
/// write is carried out.
type Rule = (&'static str, Headers, u16, bool);

const OF_A_FILE: [Rule; 45] = [
    (
        "13.1.1 the tag matches",
        &[("if-match", "\"$E\"")],
        200,
        true,
    ),
    (
        "13.1.1 another tag",
        &[("if-match", "\"other\"")],
        412,
        false,
    ),
    ("13.1.1 any tag", &[("if-match", "*")], 200, true),
    (
        "13.1.1 one of a list",
        &[("if-match", "\"other\", \"$E\"")],
        200,
        true,
    ),
    (
        "13.1.1 none of a list",
        &[("if-match", "\"other\", \"another\"")],
        412,
        false,
    ),
    (
        "13.1.1 the strong comparison",
        &[("if-match", "W/\"$E\"")],
        412,
        false,
    ),
    (
        "13.1.1 a strong one among weak ones",
        &[("if-match", "W/\"other\", \"$E\"")],
        200,
        true,
    ),
    (
        "5.3 two fields are one list",
        &[("if-match", "\"other\""), ("if-match", "\"$E\"")],
        200,
        true,
    ),
    (
        "5.6.1 empty elements of a list",
        &[("if-match", ", \"other\",, \"$E\",")],
        200,
        true,
    ),
    (
        "8.8.3 a tag without its quotes",
        &[("if-match", "$E")],
        400,
        false,
    ),
    (
        "8.8.3 w/ is not W/",
        &[("if-match", "w/\"$E\"")],
        400,
        false,
    ),
    (
        "13.1.1 a star is no element",
        &[("if-match", "*, \"$E\"")],
        400,
        false,
    ),
    (
        "13.1.2 the tag matches",
        &[("if-none-match", "\"$E\"")],
        304,
        false,
    ),
    (
        "13.1.2 another tag",
        &[("if-none-match", "\"other\"")],
        200,
        true,
    ),
    ("13.1.2 any tag", &[("if-none-match", "*")], 304, false),
    (
        "13.1.2 one of a list",
        &[("if-none-match", "\"other\" ,\"$E\"")],
        304,
        false,
    ),
    (
        "13.1.2 none of a list",
        &[("if-none-match", "\"other\", W/\"another\"")],
        200,
        true,
    ),
    (
        "13.1.2 the weak comparison",
        &[("if-none-match", "W/\"$E\"")],
        304,
        false,
    ),
    (
        "5.3 two fields are one list",
        &[
            ("if-none-match", "\"other\""),
            ("if-none-match", "W/\"$E\""),
        ],
        304,
        false,
    ),
    (
        "8.8.3 a tag without its quotes",
        &[("if-none-match", "$E")],
        400,
        false,
    ),
    (
        "13.1.3 not modified since",
        &[("if-modified-since", AT)],
        304,
        true,
    ),
    (
        "13.1.3 not modified since later",
        &[("if-modified-since", AFTER)],
        304,
        true,
    ),
    (
        "13.1.3 modified since",
        &[("if-modified-since", BEFORE)],
        200,
        true,
    ),
    (
        "5.6.7 a date of RFC 850",
        &[("if-modified-since", "Sunday, 13-Sep-20 12:26:40 GMT")],
        304,
        true,
    ),
    (
        "5.6.7 a date of asctime",
        &[("if-modified-since", "Sun Sep 13 12:26:40 2020")],
        304,
        true,
    ),
    (
        "13.1.3 no date",
        &[("if-modified-since", "yesterday")],
        200,
        true,
    ),
    (
        "13.1.3 a day that is none",
        &[("if-modified-since", "Sun, 32 Sep 2026 12:26:40 GMT")],
        200,
        true,
    ),
    (
        "13.1.3 another time zone",
        &[("if-modified-since", "Sun, 13 Sep 2026 12:26:40 CET")],
        200,
        true,
    ),
    (
        "5.3 more than one date",
        &[("if-modified-since", AT), ("if-modified-since", AT)],
        400,
        false,
    ),
    (
        "13.1.3 If-None-Match counts",
        &[("if-none-match", "\"other\""), ("if-modified-since", AT)],
        200,
        true,
    ),
    (
        "13.1.3 If-None-Match counts",
        &[("if-none-match", "\"$E\""), ("if-modified-since", BEFORE)],
        304,
        false,
    ),
    (
        "13.1.4 not modified since",
        &[("if-unmodified-since", AT)],
        200,
        true,
    ),
    (
        "13.1.4 not modified since later",
        &[("if-unmodified-since", AFTER)],
        200,
        true,
    ),
    (
        "13.1.4 modified since",
        &[("if-unmodified-since", BEFORE)],
        412,
        false,
    ),
    (
        "5.6.7 a date of asctime",
        &[("if-unmodified-since", "Sun Sep 13 12:26:39 2020")],
        412,
        false,
    ),
    ("13.1.4 no date", &[("if-unmodified-since", "1")], 200, true),
    (
        "5.3 more than one date",
        &[
            ("if-unmodified-since", BEFORE),
            ("if-unmodified-since", BEFORE),
        ],
        400,
        false,
    ),
    (
        "13.1.4 If-Match counts",
        &[("if-match", "\"$E\""), ("if-unmodified-since", BEFORE)],
        200,
        true,
    ),
    (
        "13.1.4 If-Match counts",
        &[("if-match", "\"other\""), ("if-unmodified-since", AFTER)],
        412,
        false,
    ),
    (
        "13.1.5 If-Range without Range",
        &[("if-range", "\"other\"")],
        200,
        true,
    ),
    (
        "13.2.2 If-Match first",
        &[("if-match", "\"other\""), ("if-none-match", "\"$E\"")],
        412,
        false,
    ),
    (
        "13.2.2 then If-None-Match",
        &[("if-match", "\"$E\""), ("if-none-match", "\"$E\"")],
        304,
        false,
    ),
    (
        "13.2.2 If-Unmodified-Since first",
        &[("if-unmodified-since", BEFORE), ("if-none-match", "\"$E\"")],
        412,
        false,
    ),
    (
        "13.2.2 then If-Modified-Since",
        &[("if-unmodified-since", AT), ("if-modified-since", AT)],
        304,
        true,
    ),
    (
        "13.2.2 both hold",
        &[("if-match", "*"), ("if-none-match", "\"other\"")],
        200,
        true,
    ),
];

/// Header fields and whether something is made where nothing is.
const OF_NOTHING: [(&str, Headers, bool); 8] = [
    ("13.1.1 any tag", &[("if-match", "*")], false),
    ("13.1.1 a tag", &[("if-match", "\"other\"")], false),
    (
        "13.1.1 both",
        &[("if-match", "*"), ("if-none-match", "*")],
        false,
    ),
    ("13.1.2 any tag", &[("if-none-match", "*")], true),
    ("13.1.2 a tag", &[("if-none-match", "\"other\"")], true),
    ("13.1.3 not for writes", &[("if-modified-since", AT)], true),
    (
        "13.1.4 without a date of its own",
        &[("if-unmodified-since", BEFORE)],
        true,
    ),
    (
        "13.1.4 If-Match counts",
        &[("if-match", "*"), ("if-unmodified-since", AFTER)],
        false,
    ),
];

fn with(call: Call, headers: Headers, etag: &str) -> Call {
    let tag = etag.trim_matches('"');
    headers.iter().fold(call, |call, (name, value)| {
        call.header(name, &value.replace("$E", tag))
    })
}

/// What a write could change of a file.
async fn state(alice: &Client, path: &str) -> (u16, String, String, Vec<u8>) {
    let got = alice.get(path).await;
    (
        got.status,
        got.header("etag").into(),
        got.header("x-callfs-mode").into(),
        got.body,
    )
}

#[tokio::test]
async fn defect_13_reads() {
    let gateway = Gateway::start().await;
    let (alice, etag) = old_file(&gateway, "/a").await;
    let whole = alice.get("/a").await.is(200);
    for (rule, headers, status, _) in OF_A_FILE {
        for method in ["GET", "HEAD"] {
            let reply = with(alice.call(method, "/v1/files/a"), headers, &etag).await;
            assert_eq!(reply.status, status, "{rule}: {method} with {headers:?}");
            match (status, method) {
                (304, _) => is_not_modified(&reply, &whole),
                (412, "GET") => drop(reply.problem(412, "PRECONDITION_FAILED")),
                (400, "GET") => assert!(
                    reply.detail(400, "BAD_REQUEST").contains(headers[0].0),
                    "{rule}"
                ),
                _ => assert_eq!(
                    reply.header("etag"),
                    if status == 200 { &etag } else { "" },
                    "{rule}: {method}"
                ),
            }
        }
    }
}

/// RFC 9110 section 15.4.5: no content, nothing about it, and everything that a cache updates its
/// copy with.
#[track_caller]
fn is_not_modified(reply: &Reply, whole: &Reply) {
    assert!(reply.body.is_empty());
    for name in ["content-length", "content-type", "x-callfs-size"] {
        assert_eq!(reply.header(name), "", "{name}");
    }
    for name in ["etag", "last-modified", "cache-control", "vary"] {
        assert_eq!(reply.header(name), whole.header(name), "{name}");
    }
    assert!(!reply.header("date").is_empty());
}

#[tokio::test]
async fn defect_13_writes_of_what_is_there() {
    let gateway = Gateway::start().await;
    for (number, (rule, headers, read, carried_out)) in OF_A_FILE.into_iter().enumerate() {
        for what in ["put", "post", "chmod", "rename", "delete"] {
            let path = format!("/{number}/{what}");
            let (alice, etag) = old_file(&gateway, &path).await;
            let before = (state(&alice, &path).await, gateway.everything_in("files"));
            let call = match what {
                "put" => alice.put(&path, "new"),
                "post" => alice.post(&path, "new"),
                "chmod" => alice.patch(&path, &json!({"mode": "0600"})),
                "rename" => alice.patch(&path, &json!({"name": "moved"})),
                _ => alice.delete(&path),
            };
            let reply = with(call, headers, &etag).await;
            match (what, read) {
                (_, 400) => drop(reply.problem(400, "BAD_REQUEST")),
                // Section 13.2.1: what fails without its preconditions fails the same with them.
                ("post", _) => drop(reply.problem(409, "FILE_ALREADY_EXISTS")),
                _ if !carried_out => drop(reply.problem(412, "PRECONDITION_FAILED")),
                ("delete", _) => drop(reply.is(204)),
                _ => drop(reply.is(200)),
            }
            let after = (state(&alice, &path).await, gateway.everything_in("files"));
            let changes = carried_out && what != "post";
            assert_eq!(
                before != after,
                changes,
                "{rule}: {what} with {headers:?}: {before:?}, then {after:?}"
            );
        }
    }
}

#[tokio::test]
async fn writes_of_what_is_not_there() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for (number, (rule, headers, carried_out)) in OF_NOTHING.into_iter().enumerate() {
        for what in ["put", "post", "make"] {
            let path = format!("/{number}/deep/{what}");
            let before = gateway.everything_in("files");
            let call = match what {
                "put" => alice.put(&path, "new"),
                "post" => alice.post(&path, "new"),
                _ => alice.make(&path),
            };
            let reply = with(call, headers, "").await;
            if carried_out {
                reply.is(201);
            } else {
                reply.problem(412, "PRECONDITION_FAILED");
                assert_eq!(gateway.everything_in("files"), before, "{rule}: {what}");
            }
        }
        // Section 13.2.1: nothing is there to be in any state.
        let nowhere = "/v1/files/nowhere";
        for method in ["GET", "HEAD", "DELETE", "PATCH"] {
            let call = if method == "PATCH" {
                r#"{"mode":"0600"}"#
            } else {
                ""
            };
            let reply = with(alice.call(method, nowhere).body(call), headers, "").await;
            assert_eq!(
                reply.status,
                404,
                "{rule}: {method} with {headers:?}: {}",
                reply.text()
            );
        }
    }
}

/// A directory has no tag, and the date that it has says nothing of the files in it.
#[tokio::test]
async fn directories() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a", "x").await.is(201);
    let table: [(&str, Headers, u16, bool); 7] = [
        ("13.1.1 any tag", &[("if-match", "*")], 200, true),
        ("13.1.1 a tag", &[("if-match", "\"other\"")], 412, false),
        ("13.1.2 any tag", &[("if-none-match", "*")], 304, false),
        ("13.1.2 a tag", &[("if-none-match", "\"other\"")], 200, true),
        (
            "13.1.3 no date that tells",
            &[("if-modified-since", "Sun, 13 Sep 2099 12:26:40 GMT")],
            200,
            true,
        ),
        (
            "13.1.4 modified since",
            &[("if-unmodified-since", BEFORE)],
            200,
            false,
        ),
        (
            "8.8.3 a tag without its quotes",
            &[("if-match", "other")],
            400,
            false,
        ),
    ];
    for (rule, headers, read, carried_out) in table {
        for method in ["GET", "HEAD"] {
            let reply = with(alice.call(method, "/v1/files/docs/"), headers, "").await;
            assert_eq!(
                reply.status,
                read,
                "{rule}: {method} with {headers:?}: {}",
                reply.text()
            );
        }
        let made = with(alice.make("/docs"), headers, "").await;
        assert_eq!(
            made.status == 200,
            carried_out,
            "{rule}: made with {headers:?}: {}",
            made.text()
        );
        alice.make("/docs/inside").await.is(201);
        let deleted = with(alice.delete("/docs/inside"), headers, "").await;
        assert_eq!(
            deleted.status == 204,
            carried_out,
            "{rule}: deleted with {headers:?}: {}",
            deleted.text()
        );
        if !carried_out {
            alice.delete("/docs/inside").await.is(204);
        }
    }
}

#[tokio::test]
async fn a_condition_is_looked_at_before_the_body_and_again_after_it() {
    let gateway = Gateway::start().await;
    let (alice, etag) = old_file(&gateway, "/a").await;
    let chunked = "Transfer-Encoding: chunked";
    let mut early = gateway.raw().await;
    early
        .head(
            "PUT",
            "/v1/files/a",
            &[chunked, "Expect: 100-continue", "If-Match: \"other\""],
        )
        .await;
    early.answer().await.detail(412, "PRECONDITION_FAILED");

    let mut late = gateway.raw().await;
    late.head(
        "PUT",
        "/v1/files/a",
        &[chunked, &format!("If-Match: {etag}")],
    )
    .await;
    late.chunk(&[b'x'; 100_000]).await;
    eventually("the upload to begin", async || {
        gateway.works_in("files").then_some(())
    })
    .await;
    alice.put("/a", "in between").await.is(200);
    late.send(b"0\r\n\r\n").await;
    late.answer().await.detail(412, "PRECONDITION_FAILED");
    assert_eq!(alice.get("/a").await.is(200).body, b"in between");
    eventually("the rest to vanish", async || {
        (gateway.everything_in("files") == ["a"]).then_some(())
    })
    .await;
}

/// Alice's file, which nobody changed for long, and its entity tag.
async fn old_file(gateway: &Gateway, path: &str) -> (Client, String) {
    let alice = gateway.alice();
    alice.put(path, "old").await.is(201);
    let on_disk = std::fs::File::options()
        .write(true)
        .open(gateway.path(&format!("files{path}")))
        .expect("there");
    on_disk
        .set_modified(SystemTime::UNIX_EPOCH + MODIFIED)
        .expect("a time");
    let head = alice.head(path).await.is(200);
    assert_eq!(head.header("last-modified"), AT);
    let etag = head.etag();
    (alice, etag)
}
