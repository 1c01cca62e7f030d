//! `GET` and `HEAD /v1/files/{path}`.

use crate::harness::{Gateway, bytes};

#[tokio::test]
async fn a_file_comes_with_everything_that_is_known_of_it() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let put = alice
        .put("/docs/a.bin", bytes(1, 5000))
        .header("content-type", "application/x-thing")
        .await
        .is(201);

    let got = alice.get("/docs/a.bin").await.is(200);
    assert_eq!(got.body, bytes(1, 5000));
    assert_eq!(got.etag(), put.etag());
    assert_eq!(got.header("content-type"), "application/x-thing");
    assert_eq!(got.header("content-length"), "5000");
    httpdate::parse_http_date(got.header("last-modified")).expect("an HTTP date");
    assert_eq!(got.header("x-callfs-type"), "file");
    assert_eq!(got.header("x-callfs-size"), "5000");
    assert!(
        got.header("x-callfs-mode").ends_with("644"),
        "{:?}",
        got.headers
    );
    assert_eq!(got.header("x-callfs-owner"), "alice");
    assert_eq!(got.header("x-callfs-group"), "staff");
    assert_eq!(got.header("x-callfs-instance-id"), "node-under-test");
    assert!(
        got.header("x-callfs-mtime").ends_with('Z'),
        "{:?}",
        got.headers
    );

    assert_eq!(got.header("x-content-type-options"), "nosniff");
    assert!(!got.header("x-request-id").is_empty());
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/empty", "").await.is(201);
    let got = alice.get("/empty").await.is(200);
    assert_eq!((got.header("content-length"), got.body.len()), ("0", 0));
}

#[tokio::test]
async fn a_content_type_that_nobody_gave_is_guessed_from_the_name() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/picture.png", "not really").await.is(201);
    assert_eq!(
        alice
            .get("/picture.png")
            .await
            .is(200)
            .header("content-type"),
        "image/png"
    );
    alice.put("/no-extension", "x").await.is(201);
    assert_eq!(
        alice
            .get("/no-extension")
            .await
            .is(200)
            .header("content-type"),
        "application/octet-stream"
    );
}

#[tokio::test]
async fn a_download_gets_its_file_name() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/report.txt", "x").await.is(201);
    let got = alice
        .call("GET", "/v1/files/docs/report.txt?download")
        .await
        .is(200);
    let disposition = got.header("content-disposition");
    assert!(
        disposition.starts_with("attachment") && disposition.contains("report.txt"),
        "{disposition}"
    );
}

#[tokio::test]
async fn a_directory_is_an_array_of_its_entries() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/b.txt", "12345").await.is(201);
    alice.make("/docs/a").await.is(201);
    let got = alice.get("/docs").await.is(200);
    assert_eq!(got.entries("name"), ["a", "b.txt"]);
    assert_eq!(got.entries("path"), ["/docs/a", "/docs/b.txt"]);
    assert_eq!(got.entries("type"), ["directory", "file"]);
    let file = &got.json()[1];
    assert_eq!(file["size"], 5, "{file}");
    assert_eq!(file["owner"], "alice", "{file}");
    assert_eq!(file["group"], "staff", "{file}");
    assert!(
        file["mode"]
            .as_str()
            .is_some_and(|mode| mode.ends_with("644")),
        "{file}"
    );
    assert!(
        file["mtime"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{file}"
    );
    assert!(file["etag"].as_str().is_some(), "{file}");
    assert_eq!(
        alice.head("/docs").await.is(200).header("x-callfs-type"),
        "directory"
    );
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let gateway = Gateway::start().await;
    let detail = gateway
        .alice()
        .get("/docs/nothing.txt")
        .await
        .detail(404, "FILE_NOT_FOUND");
    assert!(detail.contains("/docs/nothing.txt"), "{detail}");
    gateway.alice().head("/docs/nothing.txt").await.is(404);
}

#[tokio::test]
async fn a_directory_is_a_page_of_links_for_who_prefers_html() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/<script>.txt", "12345").await.is(201);
    alice.make("/docs/a b").await.is(201);
    let ask = |target: &str| {
        alice
            .call("GET", target)
            .header("accept", "text/html,application/xml;q=0.9,*/*;q=0.8")
    };
    let page = ask("/v1/files/docs/").await.is(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(
        (page.header("vary"), page.header("x-callfs-type")),
        ("accept", "directory")
    );
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("sandbox"),
        "{policy}"
    );
    let text = page.text();
    for link in [
        "<a href=\"../\">../</a>",
        "<a href=\"./a%20b/\">a b/</a>",
        "<a href=\"./%3Cscript%3E.txt\">&#60;script",
    ] {
        assert!(text.contains(link), "{link} is not in {text}");
    }
    assert!(
        text.ends_with("</html>\n") && !text.contains("<script"),
        "{text}"
    );
    // Relative links need the slash; the client follows, and rclone tells directories from files by
    // that.
    assert_eq!(ask("/v1/files/docs").await.is(200).text(), text);
    for method in ["GET", "HEAD"] {
        let mut raw = gateway.raw().await;
        raw.head(method, "/v1/files/docs?limit=5", &["Accept: text/html"])
            .await;
        let elsewhere = raw.answer_head().await;
        assert_eq!(
            (elsewhere.status, elsewhere.header("location")),
            (307, "./docs/?limit=5"),
            "{method}"
        );
        assert_eq!(elsewhere.header("vary"), "accept");
    }
    assert_eq!(
        alice
            .get("/docs/")
            .header("accept", "*/*")
            .await
            .is(200)
            .header("content-type"),
        "application/json"
    );
    // What is asked for page by page is given so.
    let one = ask("/v1/files/docs/?limit=1").await.is(200).text();
    assert!(one.contains("%3Cscript") && !one.contains("a%20b"), "{one}");
    let rest = ask("/v1/files/docs/?after=/docs/%3Cscript%3E.txt")
        .await
        .is(200)
        .text();
    assert!(
        !rest.contains("%3Cscript") && rest.contains("a%20b"),
        "{rest}"
    );
    // A page that nobody but the gateway wrote may lead anywhere; what somebody stored may do
    // nothing.
    alice.put("/page.html", "<script>").await.is(201);
    assert!(
        ask("/v1/files/page.html")
            .await
            .is(200)
            .header("content-security-policy")
            .ends_with("sandbox")
    );
    alice.put("/film.mp4", "x").await.is(201);
    let film = ask("/v1/files/film.mp4").await.is(200);
    assert_eq!(
        film.header("content-security-policy"),
        "default-src 'none'; media-src 'self'; frame-ancestors 'none'"
    );
    assert_eq!(film.header("x-content-type-options"), "nosniff");
}
