//! The clients that people have: curl, wget and rclone, as they are.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use reqwest::Body;

use crate::harness::{
    ALICE_KEY, Gateway, Generated, bytes, eventually, killed_midway, sha256_hex, succeeds, tool,
};

const MIB: u64 = 1 << 20;

fn url(gateway: &Gateway, path: &str) -> String {
    format!("http://{}/v1/files{path}", gateway.authority())
}

/// curl with Alice's key.
fn curl() -> Option<Command> {
    let mut curl = tool("curl")?;
    curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]);
    curl.args(["--header", &format!("Authorization: Bearer {ALICE_KEY}")]);
    Some(curl)
}

fn wget() -> Option<Command> {
    let mut wget = tool("wget")?;
    wget.args([
        "--no-proxy",
        "--tries=1",
        "--header",
        &format!("Authorization: Bearer {ALICE_KEY}"),
    ]);
    Some(wget)
}

/// A file that takes a while at the speeds below.
async fn large(gateway: &Gateway) -> Generated {
    let large = Generated::mebibytes(24);
    gateway
        .alice()
        .put("/large", Body::wrap_stream(large.stream()))
        .await
        .is(201);
    large
}

fn digest(file: &Path) -> String {
    sha256_hex(&fs::read(file).expect("there"))
}

#[tokio::test]
async fn curl_resumes_a_download_that_was_cut() {
    let Some(mut cut) = curl() else { return };
    let gateway = Gateway::start().await;
    let large = large(&gateway).await;
    let download = gateway.path("download");
    let url = url(&gateway, "/large");
    let have = killed_midway(
        cut.args(["--limit-rate", "4M", "--output"])
            .arg(&download)
            .arg(&url),
        &download,
        MIB,
    );
    assert!(have < large.size(), "it was not cut");
    let mut rest = curl().expect("as before");
    rest.args([
        "--continue-at",
        "-",
        "--write-out",
        "%{http_code} %{size_download}",
        "--output",
    ])
    .arg(&download);
    let said = succeeds(rest.arg(&url)).stdout;
    assert_eq!(
        String::from_utf8_lossy(&said),
        format!("206 {}", large.size() - have)
    );
    assert_eq!(digest(&download), large.sha256_hex());
    eventually("the cut download to end", async || {
        (!gateway.works_in("files")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn wget_resumes_a_download_that_was_cut() {
    let Some(mut cut) = wget() else { return };
    let gateway = Gateway::start().await;
    let large = large(&gateway).await;
    let download = gateway.path("download");
    let url = url(&gateway, "/large");
    let cut = cut
        .args(["--limit-rate=4m", "--output-document"])
        .arg(&download)
        .arg(&url);
    let have = killed_midway(cut, &download, MIB);
    assert!(have < large.size(), "it was not cut");
    // Continuing needs the name that the URL gives.
    let large_file = gateway.path("large");
    fs::rename(&download, &large_file).expect("there");
    let mut rest = wget().expect("as before");
    rest.args([
        "--continue",
        "--no-verbose",
        "--server-response",
        "--directory-prefix",
    ])
    .arg(gateway.path(""))
    .arg(&url);
    let said = succeeds(&mut rest).stderr;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("206 Partial Content"), "{said}");
    assert!(
        said.contains(&format!("content-range: bytes {have}-")),
        "{said}"
    );
    assert_eq!(digest(&large_file), large.sha256_hex());
    // A file that is complete is not fetched again: 416, which wget takes for just that.
    let mut again = wget().expect("as before");
    again
        .args([
            "--continue",
            "--no-verbose",
            "--server-response",
            "--directory-prefix",
        ])
        .arg(gateway.path(""))
        .arg(&url);
    let said = succeeds(&mut again).stderr;
    assert!(
        String::from_utf8_lossy(&said).contains("416 Range Not Satisfiable"),
        "{}",
        String::from_utf8_lossy(&said)
    );
    assert_eq!(digest(&large_file), large.sha256_hex());
}

#[tokio::test]
async fn curl_uploads_a_file_and_a_stream() {
    let Some(mut of_file) = curl() else { return };
    let gateway = Gateway::start().await;
    let content = bytes(1, 3_000_000);
    let file = gateway.path("a b.bin");
    fs::write(&file, &content).expect("writable");
    // curl adds the name to a URL that ends in a slash.
    succeeds(
        of_file
            .arg("--upload-file")
            .arg(&file)
            .arg(url(&gateway, "/docs/")),
    );
    assert!(gateway.alice().get("/docs/a b.bin").await.is(200).body == content);

    let mut of_stream = curl().expect("as before");
    of_stream
        .args(["--upload-file", "-", &url(&gateway, "/docs/stream")])
        .stdin(Stdio::piped());
    let mut child = of_stream.spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(&content[..1_000_000]).expect("it reads");
    eventually("the upload to begin", async || {
        gateway.works_in("files").then_some(())
    })
    .await;
    gateway.alice().head("/docs/stream").await.is(404);
    stdin.write_all(&content[1_000_000..]).expect("it reads");
    drop(stdin);
    assert!(child.wait().expect("waitable").success());
    assert!(gateway.alice().get("/docs/stream").await.is(200).body == content);
}

#[tokio::test]
async fn curl_asks_only_for_what_is_newer() {
    let Some(mut first) = curl() else { return };
    let gateway = Gateway::start().await;
    gateway.alice().put("/a", "hello").await.is(201);
    // curl looks at `Last-Modified` itself, which is never later than now.
    let hours_ago = |hours: u64| {
        let mut options = fs::File::options();
        let file = options.write(true).open(gateway.path("files/a"));
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(3600 * hours);
        file.expect("there").set_modified(time).expect("a time");
    };
    hours_ago(2);
    let download = gateway.path("download");
    let etag = gateway.path("etag");
    let url = url(&gateway, "/a");
    succeeds(
        first
            .args(["--remote-time", "--etag-save"])
            .arg(&etag)
            .arg("--output")
            .arg(&download)
            .arg(&url),
    );
    let status = |condition: &str, of: &Path| {
        let mut again = curl().expect("as before");
        again
            .args([
                "--write-out",
                "%{http_code}",
                "--output",
                "/dev/null",
                condition,
            ])
            .arg(of)
            .arg(&url);
        String::from_utf8_lossy(&succeeds(&mut again).stdout).into_owned()
    };
    assert_eq!(status("--time-cond", &download), "304");
    assert_eq!(status("--etag-compare", &etag), "304");
    hours_ago(1);
    assert_eq!(status("--time-cond", &download), "200");
    assert_eq!(status("--etag-compare", &etag), "200");
}

/// A form (`-F`) with one file: in a directory under its own name, under a path under that.
#[tokio::test]
async fn curl_sends_files_in_forms() {
    let Some(mut first) = curl() else { return };
    let gateway = Gateway::start().await;
    let large = gateway.path("it's \"large\".bin");
    fs::write(&large, bytes(5, 5 << 20)).expect("writable");
    let text = gateway.path("größe.txt");
    fs::write(&text, "hello\r\n").expect("writable");
    let field = |file: &Path| {
        let quoted = file.display().to_string().replace('"', "\\\"");
        format!("file=@\"{quoted}\"")
    };
    let said = succeeds(
        first
            .args(["--write-out", "%{http_code}", "--form", &field(&text)])
            .arg(url(&gateway, "/docs/")),
    );
    assert_eq!(String::from_utf8_lossy(&said.stdout), "201");
    let mut second = curl().expect("as before");
    succeeds(
        second
            .args(["--form", &field(&large)])
            .arg(url(&gateway, "/docs/")),
    );
    let mut third = curl().expect("as before");
    let typed = format!("{};type=text/x-mine", field(&text));
    succeeds(
        third
            .args(["--request", "PUT", "--form", &typed])
            .arg(url(&gateway, "/docs/b.txt")),
    );
    let alice = gateway.alice();
    for (path, file, kind) in [
        ("/docs/größe.txt", &text, "text/plain"),
        (
            "/docs/it's \"large\".bin",
            &large,
            "application/octet-stream",
        ),
        ("/docs/b.txt", &text, "text/x-mine"),
    ] {
        let got = alice.get(path).await.is(200);
        assert!(got.body == fs::read(file).expect("there"), "{path}");
        assert_eq!(got.header("content-type"), kind, "{path}");
    }
    // Anything beside the file is refused with what to do.
    let mut both = tool("curl").expect("as before");
    both.args(["--silent", "--noproxy", "*", "--form", "title=x", "--form"])
        .args([field(&text), "--header".into()])
        .arg(format!("Authorization: Bearer {ALICE_KEY}"));
    let said = succeeds(both.arg(url(&gateway, "/docs/"))).stdout;
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("the field 'title' of the form"), "{said}");
}

#[tokio::test]
async fn rclone_lists_and_copies_a_tree() {
    let Some(mut list) = tool("rclone") else {
        return;
    };
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let names = [
        "a b.txt", "100%.txt", "a%41", "ä", "日本", "a+b", "a&b;c=d", "a#b", "it's", "<b>\"q\"",
        ".hidden",
    ];
    let mut paths: Vec<String> = names
        .iter()
        .flat_map(|name| [(*name).into(), format!("docs/{name}/{name}")])
        .collect();
    // Directly in what it was pointed at, rclone asks for './a:b', which is no canonical path.
    paths.extend(["empty".into(), "docs/a:b".into()]);
    for path in &paths {
        let body = if path == "empty" {
            String::new()
        } else {
            sha256_hex(path.as_bytes())
        };
        alice.put(&format!("/tree/{path}"), body).await.is(201);
    }
    // As the README says.
    let remote = |rclone: &mut Command| {
        let headers = format!("Authorization,Bearer {ALICE_KEY},Accept,text/html");
        rclone.args([
            "--config",
            "",
            "--http-url",
            &url(&gateway, "/"),
            "--http-headers",
            &headers,
        ]);
        rclone.env("no_proxy", "*").env("HOME", gateway.path(""));
    };
    remote(&mut list);
    let listed = succeeds(list.args(["lsf", "--recursive", "--files-only", ":http:tree"])).stdout;
    let mut listed: Vec<String> = String::from_utf8_lossy(&listed)
        .lines()
        .map(Into::into)
        .collect();
    listed.sort_unstable();
    paths.sort_unstable();
    assert_eq!(listed, paths);

    let copy = gateway.path("copy");
    let mut rclone = tool("rclone").expect("as before");
    remote(&mut rclone);
    succeeds(
        rclone
            .args(["copy", "--retries", "1", ":http:tree"])
            .arg(&copy),
    );
    for path in &paths {
        let stored = gateway.path(&format!("files/tree/{path}"));
        let copied = copy.join(path);
        assert_eq!(
            fs::read(&copied).expect(path),
            fs::read(&stored).expect(path),
            "{path}"
        );
        let second = |file: &Path| {
            fs::metadata(file)
                .and_then(|m| m.modified())
                .ok()
                .map(httpdate::fmt_http_date)
        };
        assert_eq!(
            second(&copied),
            second(&stored),
            "{path}: the time of its last change"
        );
    }
}
