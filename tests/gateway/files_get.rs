//! `GET` and `HEAD /v1/files/{path}`.

use serde_json::json;

use crate::harness::{Gateway, Setup, bytes, link};

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
    // `*/*` and `image/*` are no types, but what a client takes.
    for (name, given, expected) in [
        ("a.md", "*/*", "text/markdown; charset=utf-8"),
        ("b.png", "image/*", "image/png"),
        ("list.m3u8", "*/*", "application/vnd.apple.mpegurl"),
        ("0.ts", "*/*; q=0.5", "video/mp2t"),
        ("c.png", "image/x-mine", "image/x-mine"),
    ] {
        let put = alice.put(&format!("/{name}"), "x");
        put.header("content-type", given).await.is(201);
        for got in [
            alice.get(&format!("/{name}")).await.is(200),
            alice.head(&format!("/{name}")).await.is(200),
        ] {
            assert_eq!(got.header("content-type"), expected, "{name}");
        }
    }
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
async fn the_configuration_says_what_an_extension_means() {
    let lines = "[media_types]\nts = \"text/x-typescript\"\n\"c++\" = \"text/x-c\"";
    let gateway = Setup::default().more(lines).start().await;
    let alice = gateway.alice();
    for (name, expected) in [
        ("a.ts", "text/x-typescript; charset=utf-8"),
        ("A.TS", "text/x-typescript; charset=utf-8"),
        ("a.c++", "text/x-c; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.ts.png", "image/png"),
    ] {
        alice.put(&format!("/{name}"), "x").await.is(201);
        let got = alice.get(&format!("/{name}")).await.is(200);
        assert_eq!(got.header("content-type"), expected, "{name}");
        let made = link::make(&alice, json!({ "path": format!("/{name}") })).await;
        let shared = link::get(&gateway, &made).await.is(200);
        assert_eq!(shared.header("content-type"), expected, "{name}");
    }
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

/// What `git clone`, caches and analytics add to the address of any file.
#[tokio::test]
async fn a_file_is_read_whatever_its_query_has() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "x").await.is(201);
    for query in [
        "service=git-upload-pack",
        "_=1700000000&_=2",
        "v=%ff",
        "utm_source",
        "limit=ten",
        "after=nowhere",
    ] {
        let target = format!("/v1/files/docs/a.txt?{query}");
        assert_eq!(alice.call("GET", &target).await.is(200).body, b"x");
        alice.call("HEAD", &target).await.is(200);
        // Neither a listing nor a change ignores what it does not know.
        for (method, target) in [
            ("GET", "/v1/files/docs"),
            ("HEAD", "/v1/files/docs"),
            ("GET", "/v1/directories/docs"),
            ("PUT", "/v1/files/docs/a.txt"),
            ("DELETE", "/v1/files/docs/a.txt"),
        ] {
            let target = format!("{target}?{query}");
            let refused = alice.call(method, &target).await;
            assert_eq!(refused.status, 400, "{method} {target}");
        }
    }
    // What a file knows has to make sense.
    for query in ["download=maybe", "download&download"] {
        let target = format!("/v1/files/docs/a.txt?{query}");
        alice.call("GET", &target).await.problem(400, "BAD_REQUEST");
    }
    assert_eq!(alice.get("/docs/a.txt").await.is(200).body, b"x");
}

/// As apt (`deb URL ./`) and rclone write addresses.
#[tokio::test]
async fn dots_and_slashes_too_many_are_read_past_and_never_written_through() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/repo/Packages", "x").await.is(201);
    let ask = async |method: &str, target: &str| {
        let mut raw = gateway.raw().await;
        raw.head(method, target, &["Content-Length: 0"]).await;
        raw.answer().await
    };
    for target in [
        "/v1/files/repo/./Packages",
        "/v1/files//repo/Packages",
        "/v1/files/repo//Packages",
        "/v1/files/./repo/.//./Packages",
        "/v1/files/repo/%2F%2e/Packages",
    ] {
        let got = ask("GET", target).await;
        assert_eq!((got.status, got.text()), (200, "x".into()), "{target}");
        let empty = target.contains("//") || target.contains("/%2F");
        if empty {
            for method in ["PUT", "POST", "PATCH", "DELETE"] {
                let detail = ask(method, target).await.detail(400, "BAD_REQUEST");
                assert!(detail.contains("one slash"), "{method} {target}: {detail}");
            }
        }
    }
    for target in [
        "/v1/files//",
        "/v1/files//repo//",
        "/v1/directories//",
        "/v1/directories/./repo//.",
    ] {
        assert_eq!(ask("GET", target).await.status, 200, "{target}");
    }
    for target in [
        "/v1/files/repo//Packages/",
        "/v1/files/repo//../repo/Packages",
    ] {
        assert_eq!(ask("GET", target).await.status, 400, "{target}");
    }
    assert_eq!(gateway.everything_in("files"), ["repo", "repo/Packages"]);
}

/// Every link of a page leads to what it names, as any client resolves it.
#[tokio::test]
async fn a_page_links_to_every_name() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let names = [
        "a b", "a:b", "http:x", "what?", "a#b", "100%", "%41", "ä日", "it's", "\"q\"", "<b>&amp;",
        "+", "a;b=c", "~x", "-", "...", "\\", "@", "*",
    ];
    for name in names {
        alice.put(&format!("/d/{name}"), name).await.is(201);
    }
    let page = alice
        .call("GET", "/v1/files/d/")
        .header("accept", "text/html")
        .await
        .is(200);
    let page = String::from_utf8(page.body).expect("text");
    let address = format!("http://{}/v1/files/d/", gateway.authority());
    let address = reqwest::Url::parse(&address).expect("an address");
    let mut found = Vec::new();
    for part in page.split("href=\"").skip(1) {
        let href = part.split('"').next().expect("an end");
        if href != "../" {
            assert!(!href.starts_with("./"), "{href}");
            let target = address.join(href).expect(href);
            assert_eq!(target.authority(), address.authority(), "{href}");
            let got = alice.call("GET", target.path()).await.is(200);
            found.push(String::from_utf8(got.body).expect("text"));
        }
    }
    let mut expected = names.map(str::to_owned);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
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
        "<a href=\"a%20b/\">a b/</a>",
        "<a href=\"%3Cscript%3E.txt\">&#60;script",
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
    let more = "<a href=\"?limit=1&#38;after=%2Fdocs%2F%3Cscript%3E.txt\">more</a>";
    assert!(one.contains(more), "{one}");
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
