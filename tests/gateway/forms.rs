//! Files that come in a form (`multipart/form-data`), as `curl -F`, browsers and HTTP libraries
//! send them: the file is stored, and never its envelope.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::Body;
use sha2::{Digest, Sha256};

use crate::harness::{Call, Client, Gateway, Generated, Setup, bytes, eventually};

const FORM: &str = "multipart/form-data; boundary=----FormBoundary0";

/// A part with these fields in its head.
fn part(fields: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("------FormBoundary0\r\n{fields}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

/// A form of these parts.
fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"------FormBoundary0--\r\n".to_vec()].concat()
}

/// A form with one file.
fn file(name: &str, content: &[u8]) -> Vec<u8> {
    let fields = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
    form(&[part(&fields, content)])
}

/// A request with a form.
fn send(client: &Client, method: &str, target: &str, body: impl Into<Body>) -> Call {
    client
        .call(method, target)
        .header("content-type", FORM)
        .body(body)
}

#[tokio::test]
async fn the_file_in_a_form_is_stored_and_not_its_envelope() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let contents = [
        Vec::new(),
        b"hello".to_vec(),
        b"\r\n--\r\n------FormBoundary\r\n".to_vec(),
        bytes(1, 1_000_000),
    ];
    for (number, content) in contents.iter().enumerate() {
        for method in ["PUT", "POST"] {
            let path = format!("/docs/{method}-{number}.txt");
            let target = format!("/v1/files{path}");
            let body = file("elsewhere.png", content);
            let made = send(&alice, method, &target, body.clone()).await.is(201);
            assert_eq!(made.header("location"), target);
            let got = alice.get(&path).await.is(200);
            assert!(got.body == *content, "{method} of {} bytes", content.len());
            assert_eq!(got.header("x-callfs-size"), content.len().to_string());
            assert_eq!(got.etag(), made.etag());
            // The part has no type, so the name says it.
            assert_eq!(got.header("content-type"), "text/plain; charset=utf-8");
            // As without a form, one replaces and the other does not.
            let again = send(&alice, method, &target, body).await;
            assert_eq!(again.status, if method == "PUT" { 200 } else { 409 });
        }
    }
}

#[tokio::test]
async fn in_a_directory_a_file_has_the_name_that_the_form_gives() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for (written, name) in [
        ("a b.txt", "a b.txt"),
        ("größe.txt", "größe.txt"),
        // As browsers escape a quote, and as they do not escape a backslash.
        ("a%22b.txt", "a\"b.txt"),
        ("a\\b.txt", "a\\b.txt"),
        ("100%25.txt", "100%25.txt"),
    ] {
        for (method, directory) in [("PUT", "/d/"), ("POST", "/e/"), ("POST", "/")] {
            let target = format!("/v1/files{directory}");
            let made = send(&alice, method, &target, file(written, name.as_bytes()));
            made.await.is(201);
            let got = alice.get(&format!("{directory}{name}")).await.is(200);
            assert_eq!(got.body, name.as_bytes(), "{method} {directory}");
        }
    }
    for (name, why) in [
        ("../x", "not a single name"),
        ("d/x", "not a single name"),
        ("/etc/passwd", "not a single name"),
        ("..", "'..'"),
        (".", "'.'"),
        ("", "choose a file"),
        ("a%0D%0Ab", "control character"),
    ] {
        let refused = send(&alice, "POST", "/v1/files/n/", file(name, b"x")).await;
        let detail = refused.detail(400, "BAD_REQUEST");
        assert!(detail.contains(why), "{name}: {detail}");
    }
    alice.head("/n").await.is(404);
    // Without anything in it, the same request makes a directory.
    send(&alice, "POST", "/v1/files/n/", "").await.is(201);
    assert_eq!(
        alice.head("/n").await.is(200).header("x-callfs-type"),
        "directory"
    );
}

#[tokio::test]
async fn the_type_of_the_part_is_the_type_of_the_file() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for (given, kept) in [
        ("Content-Type: image/x-a", "image/x-a"),
        (
            "content-type: text/plain; charset=\"iso-8859-1\"",
            "text/plain; charset=\"iso-8859-1\"",
        ),
        ("Content-Type: */*", "text/csv; charset=utf-8"),
        ("Content-Type: image/*", "text/csv; charset=utf-8"),
        ("X-Other: a", "text/csv; charset=utf-8"),
    ] {
        let fields = format!("Content-Disposition: form-data; name=f; filename=x.csv\r\n{given}");
        let body = form(&[part(&fields, b"a,b")]);
        for target in ["/v1/files/a.csv", "/v1/files/d/"] {
            let stored = send(&alice, "PUT", target, body.clone()).await;
            assert!(matches!(stored.status, 200 | 201), "{}", stored.text());
        }
        for path in ["/a.csv", "/d/x.csv"] {
            let got = alice.get(path).await.is(200);
            assert_eq!(got.header("content-type"), kept, "{given}");
        }
    }
    let fields = "Content-Disposition: form-data; name=f; filename=x\r\nContent-Type: nonsense";
    let refused = send(&alice, "PUT", "/v1/files/new", form(&[part(fields, b"x")])).await;
    let detail = refused.detail(400, "BAD_REQUEST");
    assert!(detail.contains("content-type"), "{detail}");
    alice.head("/new").await.is(404);
}

/// Nothing is stored of what is not one file in a whole envelope, and what was there stays.
#[tokio::test]
async fn what_is_not_one_whole_file_is_refused_and_stores_nothing() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let etag = alice.put("/kept", "old").await.is(201).etag();
    let large = bytes(2, 700_000);
    let named = "Content-Disposition: form-data; name=f; filename=new";
    let field = || part("Content-Disposition: form-data; name=title", b"x");
    let whole = file("new", &large);
    let cut = |left_out: usize| whole[..whole.len() - left_out].to_vec();
    let table = [
        (
            "two files",
            form(&[part(named, &large), part(named, b"y")]),
            "another part",
        ),
        (
            "a field before",
            form(&[field(), part(named, &large)]),
            "'title'",
        ),
        (
            "a field after",
            form(&[part(named, &large), field()]),
            "another part",
        ),
        ("fields alone", form(&[field()]), "'title'"),
        ("no part", form(&[]), "no file"),
        ("no delimiter", large.clone(), "boundary"),
        ("no closing delimiter", cut(26), "send all of it"),
        ("half a delimiter", cut(10), "send all of it"),
        ("one byte too few", cut(3), "send all of it"),
        (
            "a coded part",
            form(&[part(&format!("{named}\r\nContent-Encoding: gzip"), b"x")]),
            "as they are",
        ),
        (
            "an endless head",
            form(&[part(&format!("{named}\r\nX: {}", "x".repeat(20_000)), b"x")]),
            "head",
        ),
        ("nothing", Vec::new(), "send all of it"),
    ];
    for (what, body, why) in table {
        for target in ["/v1/files/kept", "/v1/files/new", "/v1/files/d/"] {
            for chunked in [false, true] {
                // With an empty body, POST would make a directory.
                let body = if chunked {
                    let pieces: Vec<_> = body.chunks(9_999).map(<[u8]>::to_vec).collect();
                    Body::wrap_stream(stream::iter(
                        pieces.into_iter().map(Ok::<_, std::io::Error>),
                    ))
                } else {
                    Body::from(body.clone())
                };
                let refused = send(&alice, "PUT", target, body).await;
                let detail = refused.detail(400, "BAD_REQUEST");
                assert!(detail.contains(why), "{what} to {target}: {detail}");
            }
        }
    }
    for bad in ["multipart/form-data", "multipart/form-data; boundary=\"\""] {
        let refused = alice
            .put("/new", whole.clone())
            .header("content-type", bad)
            .await;
        let detail = refused.detail(400, "BAD_REQUEST");
        assert!(detail.contains("boundary"), "{detail}");
    }
    is_as_before(&gateway, &etag).await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_a_form_stores_nothing() {
    let gateway = Gateway::start().await;
    let etag = gateway.alice().put("/kept", "old").await.is(201).etag();
    let body = file("new", &bytes(3, 300_000));
    let length = format!("Content-Length: {}", body.len());
    let kind = format!("Content-Type: {FORM}");
    for target in ["/v1/files/kept", "/v1/files/new", "/v1/files/d/"] {
        // In the head, in the file, and in the closing delimiter.
        for end in [30, 200_000, body.len() - 4] {
            let mut raw = gateway.raw().await;
            raw.head("PUT", target, &[&length, &kind]).await;
            raw.send(&body[..end]).await;
            eventually("the upload to begin", async || {
                (end < 200_000 || gateway.works_in("files")).then_some(())
            })
            .await;
            drop(raw);
        }
    }
    is_as_before(&gateway, &etag).await;
}

async fn is_as_before(gateway: &Gateway, etag: &str) {
    eventually("the uploads to end", async || {
        let is_done = !gateway.works_in("files") && gateway.everything_in("files") == ["kept"];
        is_done.then_some(())
    })
    .await;
    let kept = gateway.alice().get("/kept").await.is(200);
    assert_eq!((kept.etag().as_str(), &*kept.body), (etag, &b"old"[..]));
    gateway.alice().head("/new").await.is(404);
}

#[tokio::test]
async fn a_digest_is_that_of_the_file() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let content = bytes(4, 100_000);
    let body = file("a", &content);
    let digest = |bytes: &[u8]| {
        let hash = BASE64_STANDARD.encode(Sha256::digest(bytes));
        format!("sha-256=:{hash}:")
    };
    let put = |path: &str| send(&alice, "PUT", &format!("/v1/files{path}"), body.clone());
    let stored = put("/a")
        .header("repr-digest", &digest(&content))
        .header("want-repr-digest", "sha-256=1")
        .await
        .is(201);
    assert_eq!(stored.header("repr-digest"), digest(&content));
    put("/b")
        .header("repr-digest", &digest(&body))
        .await
        .problem(400, "DIGEST_MISMATCH");
    for of in [&content, &body] {
        let refused = put("/b").header("content-digest", &digest(of)).await;
        let detail = refused.detail(400, "BAD_REQUEST");
        assert!(detail.contains("repr-digest"), "{detail}");
    }
    eventually("the rest to vanish", async || {
        (gateway.everything_in("files") == ["a"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_can_be_refused_is_refused_before_the_form_is_sent() {
    let gateway = Setup::default()
        .server(r#"max_upload = "1MiB""#)
        .start()
        .await;
    let alice = gateway.alice();
    alice.put("/there", "x").await.is(201);
    gateway.admin().put("/private/x", "x").await.is(201);
    let kind = format!("Content-Type: {FORM}");
    let expecting = [&*kind, "Content-Length: 500", "Expect: 100-continue"];
    let too_large = [&*kind, "Content-Length: 5000000", "Expect: 100-continue"];
    let conditional = [&expecting[..], &["If-None-Match: *"]].concat();
    for (method, target, fields, status) in [
        ("PUT", "/v1/files/private/a", &expecting[..], 403),
        ("POST", "/v1/files/there", &expecting[..], 409),
        ("PUT", "/v1/files/there", &conditional[..], 412),
        ("PUT", "/v1/files/new", &too_large[..], 413),
        ("PUT", "/v1/files/new", &expecting[..], 100),
        ("POST", "/v1/files/d/", &expecting[..], 100),
    ] {
        let mut raw = gateway.raw().await;
        raw.head(method, target, fields).await;
        assert_eq!(raw.answer_head().await.status, status, "{method} {target}");
    }
    // The cap is that of the file.
    let just = file("a", &vec![0; 1 << 20]);
    send(&alice, "PUT", "/v1/files/just", just).await.is(201);
    let over = file("a", &vec![0; (1 << 20) + 1]);
    send(&alice, "PUT", "/v1/files/over", over)
        .await
        .problem(413, "PAYLOAD_TOO_LARGE");
    alice.head("/over").await.is(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_form_takes_the_memory_of_a_small_one() {
    const ALLOWED: u64 = 48 << 20;
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    send(&alice, "PUT", "/v1/files/small", file("a", b"x"))
        .await
        .is(201);
    let idle = gateway.process().peak_memory();
    let large = Generated::mebibytes(256);
    let fields = "Content-Disposition: form-data; name=f; filename=large";
    let start = form(&[part(fields, b"")]);
    let (head, tail) = start.split_at(start.len() - "\r\n------FormBoundary0--\r\n".len());
    let piece = |text: &[u8]| stream::iter([Ok(Bytes::copy_from_slice(text))]);
    let body = piece(head).chain(large.stream()).chain(piece(tail));
    send(&alice, "POST", "/v1/files/d/", Body::wrap_stream(body))
        .await
        .is(201);
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown <= ALLOWED, "grown by {} MiB", grown >> 20);
    let mut got = alice.get("/d/large").streamed().await.bytes_stream();
    let mut hasher = Sha256::new();
    while let Some(piece) = got.next().await {
        hasher.update(piece.expect("the download is not cut"));
    }
    assert_eq!(hex::encode(hasher.finalize()), large.sha256_hex());
}

/// A form is one for files alone: elsewhere it is what it was, a body of the wrong type.
#[tokio::test]
async fn other_requests_take_no_form() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    for (method, target) in [
        ("PATCH", "/v1/files/a"),
        ("POST", "/v1/links/generate"),
        ("PUT", "/v1/files/b?from=/a"),
    ] {
        let refused = send(&alice, method, target, file("a", b"x")).await;
        refused.problem(400, "BAD_REQUEST");
    }
    // Other messages with parts are files like any.
    alice
        .put("/mail", file("a", b"x"))
        .header("content-type", "multipart/mixed; boundary=x")
        .await
        .is(201);
    assert_eq!(alice.get("/mail").await.is(200).body, file("a", b"x"));
    assert_eq!(alice.list("/", "").await.is(200).json()["count"], 2);
}
