//! Digest fields (RFC 9530): a body that has not the digest it was sent with is not stored, and
//! `Repr-Digest` tells who asks for it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256, Sha512};

use crate::harness::{Gateway, bytes, eventually};

fn sha256(bytes: &[u8]) -> String {
    format!(
        "sha-256=:{}:",
        BASE64_STANDARD.encode(Sha256::digest(bytes))
    )
}

fn sha512(bytes: &[u8]) -> String {
    format!(
        "sha-512=:{}:",
        BASE64_STANDARD.encode(Sha512::digest(bytes))
    )
}

#[tokio::test]
async fn a_body_with_its_digest_is_stored() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let body = bytes(1, 700_000);
    let both = format!("{}, {}", sha256(&body), sha512(&body));
    let unknown = "md5=:AAAA:, unixsum=30637".to_owned();
    for name in ["content-digest", "repr-digest"] {
        for (number, digest) in [sha256(&body), sha512(&body), both.clone(), unknown.clone()]
            .iter()
            .enumerate()
        {
            let path = format!("/{name}-{number}");
            alice
                .put(&path, body.clone())
                .header(name, digest)
                .await
                .is(201);
            assert!(alice.get(&path).await.is(200).body == body);
            alice
                .post(&format!("{path}-posted"), body.clone())
                .header(name, digest)
                .await
                .is(201);
        }
    }
    alice
        .put("/empty", "")
        .header("repr-digest", &sha256(b""))
        .await
        .is(201);
}

#[tokio::test]
async fn a_body_with_another_digest_leaves_everything_as_it_was() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/kept", "old").await.is(201);
    let etag = alice.get("/kept").await.is(200).etag();
    let body = bytes(1, 700_000);
    let one_is_wrong = format!("{}, {}", sha256(&body), sha512(b"another"));
    for name in ["content-digest", "repr-digest"] {
        for digest in [sha256(b"another"), sha512(b"another"), one_is_wrong.clone()] {
            for path in ["/kept", "/new/deep/a"] {
                let reply = alice.put(path, body.clone()).header(name, &digest).await;
                assert!(
                    reply.detail(400, "DIGEST_MISMATCH").contains("digest"),
                    "{name}: {digest}"
                );
            }
            alice
                .post("/new/b", "")
                .header(name, &digest)
                .await
                .problem(400, "DIGEST_MISMATCH");
        }
    }
    let kept = alice.get("/kept").await.is(200);
    assert_eq!((kept.etag(), kept.body.as_slice()), (etag, &b"old"[..]));
    eventually("the rest to vanish", async || {
        (gateway.everything_in("files") == ["kept"]).then_some(())
    })
    .await;
    alice.head("/new").await.is(404);
}

#[tokio::test]
async fn a_body_of_unknown_length_is_held_to_its_digest() {
    let gateway = Gateway::start().await;
    for (digest, status) in [(sha256(b"hello, world"), 201), (sha256(b"goodbye"), 400)] {
        let mut upload = gateway.raw().await;
        let line = format!("Content-Digest: {digest}");
        upload
            .head(
                "PUT",
                &format!("/v1/files/{status}"),
                &["Transfer-Encoding: chunked", &line],
            )
            .await;
        upload.chunk(b"hello, ").await;
        upload.chunk(b"world").await;
        upload.send(b"0\r\n\r\n").await;
        let answer = upload.answer().await;
        assert_eq!(answer.status, status, "{}", answer.text());
    }
    eventually("the rest to vanish", async || {
        (gateway.everything_in("files") == ["201"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_malformed_digest_is_refused_before_the_body_is_asked_for() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for digest in [
        "sha-256=:AAAA:",
        "sha-256=abc",
        "sha-256",
        "sha-256=:!:",
        "sha-512=:AAAA:",
        "SHA-256=:AAAA:",
        ",",
    ] {
        for name in ["content-digest", "repr-digest"] {
            let detail = alice
                .put("/a", "x")
                .header(name, digest)
                .await
                .detail(400, "BAD_REQUEST");
            assert!(detail.contains(name), "{detail}");
        }
    }
    let mut refused = gateway.raw().await;
    let lines = [
        "Content-Length: 5",
        "Expect: 100-continue",
        "Repr-Digest: sha-256=:AAAA:",
    ];
    refused.head("PUT", "/v1/files/a", &lines).await;
    assert_eq!(refused.answer_head().await.status, 400);
    assert!(gateway.everything_in("files").is_empty());
}

#[tokio::test]
async fn who_wants_the_digest_gets_it() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let body = bytes(1, 5000);
    let want = "want-repr-digest";
    let put = alice
        .put("/a", body.clone())
        .header(want, "sha-256=1")
        .await
        .is(201);
    let post = alice
        .post("/b", body.clone())
        .header(want, "sha-512=3, sha-256=10")
        .await
        .is(201);
    let get = alice.get("/a").header(want, "sha-256=1").await.is(200);
    let head = alice.head("/a").header(want, "sha-256=1").await.is(200);
    // Of the whole file, whatever part of it is sent.
    let part = alice
        .get("/a")
        .header(want, "sha-256=1")
        .header("range", "bytes=5-9")
        .await
        .is(206);
    for reply in [put, post, get, head, part] {
        assert_eq!(reply.header("repr-digest"), sha256(&body));
    }
    for wish in ["sha-256=0", "sha-512=1", "sha-256", "sha-256=:AA:", ","] {
        assert_eq!(
            alice
                .get("/a")
                .header(want, wish)
                .await
                .is(200)
                .header("repr-digest"),
            "",
            "{wish}"
        );
    }
    assert_eq!(alice.get("/a").await.is(200).header("repr-digest"), "");
    // Nobody knows the digest of what another program wrote.
    std::fs::write(gateway.path("files/a"), "changed").expect("writable");
    assert_eq!(
        alice
            .get("/a")
            .header(want, "sha-256=1")
            .await
            .is(200)
            .header("repr-digest"),
        ""
    );
}
