//! `GET /v1/directories/{path}`.

use std::fs;

use futures_util::StreamExt;
use serde_json::Value;
use tokio::time::timeout;

use crate::harness::{Client, DEADLINE, Gateway, Setup, sha256_hex};

const NDJSON: &str = "application/x-ndjson";

async fn tree() -> (Gateway, Client) {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for path in [
        "/a/1.txt",
        "/a/b/2.txt",
        "/a/b/c/3.txt",
        "/a.txt",
        "/B/4.txt",
    ] {
        alice.put(path, "12345").await.is(201);
    }
    (gateway, alice)
}

#[tokio::test]
async fn a_listing_says_what_it_is() {
    let (_gateway, alice) = tree().await;
    let listing = alice.list("/a", "").await.is(200);
    let json = listing.json();
    assert_eq!(json["path"], "/a");
    assert_eq!(json["type"], "directory");
    assert_eq!(json["recursive"], false);
    assert_eq!(json["count"], 2);
    assert_eq!(listing.entries("name"), ["1.txt", "b"]);
    assert_eq!(listing.entries("path"), ["/a/1.txt", "/a/b"]);
    assert_eq!(json["items"][0]["size"], 5);
    assert_eq!(json["items"][0]["owner"], "alice");
}

#[tokio::test]
async fn the_root_is_a_directory_with_or_without_a_slash() {
    let (_gateway, alice) = tree().await;
    for target in ["/v1/directories", "/v1/directories/"] {
        assert_eq!(
            alice.call("GET", target).await.is(200).entries("name"),
            ["B", "a", "a.txt"],
            "{target}"
        );
    }
    assert_eq!(
        alice
            .call("GET", "/v1/directories/a/")
            .await
            .is(200)
            .entries("name"),
        ["1.txt", "b"]
    );
}

#[tokio::test]
async fn recursion_goes_as_deep_as_asked_in_byte_order() {
    let (_gateway, alice) = tree().await;
    let all = alice
        .list("/", "recursive=true")
        .await
        .is(200)
        .entries("path");
    let expected = [
        "/B",
        "/B/4.txt",
        "/a",
        "/a.txt",
        "/a/1.txt",
        "/a/b",
        "/a/b/2.txt",
        "/a/b/c",
        "/a/b/c/3.txt",
    ];
    assert_eq!(all, expected);
    let two = alice
        .list("/", "recursive=true&max_depth=2")
        .await
        .is(200)
        .entries("path");
    assert_eq!(two, ["/B", "/B/4.txt", "/a", "/a.txt", "/a/1.txt", "/a/b"]);
    let one = alice
        .list("/", "recursive=true&max_depth=1")
        .await
        .is(200)
        .entries("name");
    assert_eq!(one, ["B", "a", "a.txt"]);
}

#[tokio::test]
async fn names_come_in_byte_order() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let mut names = [
        "z", "Z", "ä", "a", "a b", "a.b", "a-b", "_", "10", "9", "日本",
    ];
    for name in names {
        alice.put(&format!("/{name}"), "x").await.is(201);
    }
    names.sort_unstable();
    assert_eq!(alice.list("/", "").await.is(200).entries("name"), names);
}

#[tokio::test]
async fn a_file_is_no_directory() {
    let (_gateway, alice) = tree().await;
    let detail = alice
        .list("/a.txt", "")
        .await
        .detail(400, "NOT_A_DIRECTORY");
    assert!(detail.contains("/a.txt"), "{detail}");
    alice
        .list("/nothing", "")
        .await
        .problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn a_query_must_make_sense() {
    let (_gateway, alice) = tree().await;
    for query in [
        "max_depth=deep",
        "max_depth=-1",
        "recursive=perhaps",
        "recursvie=true",
    ] {
        alice.list("/", query).await.problem(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn large_directories_are_complete() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    std::fs::create_dir(gateway.path("files/many")).expect("a folder");
    let expected: Vec<String> = (0..2500).map(|number| format!("{number:05}")).collect();
    for name in &expected {
        std::fs::write(gateway.path("files/many").join(name), "x").expect("writable");
    }
    let mut found = Vec::new();
    let mut target = "/v1/directories/many".to_owned();
    loop {
        let page = alice.call("GET", &target).await.is(200);
        let entries = page.entries("name");
        assert!(
            !entries.is_empty(),
            "an empty page after {} entries",
            found.len()
        );
        found.extend(entries);
        match page.json()["next"].as_str() {
            Some(next) => {
                target = format!(
                    "/v1/directories/many?after={}",
                    crate::harness::encode(next)
                )
            }
            None => break,
        }
    }
    assert_eq!(found, expected);
}

#[tokio::test]
async fn a_pattern_and_a_kind_choose_entries() {
    let (_gateway, alice) = tree().await;
    let list =
        async |path: &str, query: &str| alice.list(path, query).await.is(200).entries("path");
    assert_eq!(list("/", "glob=*.txt").await, ["/a.txt"]);
    assert_eq!(list("/", "glob=*.TXT").await, [] as [&str; 0]);
    assert_eq!(
        list("/", "recursive=true&glob=**/*.txt&max_depth=2").await,
        ["/B/4.txt", "/a.txt", "/a/1.txt"]
    );
    assert_eq!(
        list("/a", "recursive=true&glob=b/*.txt").await,
        ["/a/b/2.txt"]
    );
    assert_eq!(
        list("/", "recursive=true&type=directory").await,
        ["/B", "/a", "/a/b", "/a/b/c"]
    );
    assert_eq!(list("/", "type=file&sort=name").await, ["/a.txt"]);
    assert_eq!(
        list("/", "recursive=true&type=directory&glob=%7Ba,B%7D").await,
        ["/B", "/a"]
    );
    for (query, why) in [
        ("glob=", "empty"),
        ("glob=[a", "unclosed character class"),
        ("glob=%7Ba", "unclosed alternate"),
        ("type=pipe", "give file or directory"),
        ("sort=size", "give name"),
        ("limit=0", "application/x-ndjson"),
    ] {
        let detail = alice.list("/", query).await.detail(400, "BAD_REQUEST");
        assert!(detail.contains(why), "{query}: {detail}");
    }
}

#[tokio::test]
async fn the_link_leads_through_all_pages_of_the_same_question() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let mut expected = Vec::new();
    for number in 0..25 {
        alice
            .put(&format!("/a&b/ä+{number:02}.txt"), "x")
            .await
            .is(201);
        alice
            .put(&format!("/a&b/ä+{number:02}.jpg"), "x")
            .await
            .is(201);
        expected.push(format!("ä+{number:02}.txt"));
    }
    let mut target =
        "/v1/directories/a%26b?limit=10&glob=%C3%A4%2B*.txt&type=file&recursive".to_owned();
    let mut found = Vec::new();
    let mut counts = Vec::new();
    loop {
        let page = alice.call("GET", &target).await.is(200);
        assert_eq!(page.header("vary"), "accept");
        counts.push(page.json()["count"].as_u64().expect("a number"));
        found.extend(page.entries("name"));
        let link = page.header("link");
        if link.is_empty() {
            assert!(page.json()["next"].is_null());
            break;
        }
        let (next, rest) = link
            .strip_prefix('<')
            .and_then(|link| link.split_once('>'))
            .expect("a link");
        assert!(
            next.starts_with("/v1/directories/a&b?") && rest == "; rel=\"next\"",
            "{link}"
        );
        target = next.to_owned();
    }
    assert_eq!((found, counts), (expected, vec![10, 10, 5]));
}

#[tokio::test]
async fn a_flag_is_written_as_any_language_writes_it() {
    let (_gateway, alice) = tree().await;
    let everything = alice.list("/", "recursive").await.is(200).entries("path");
    for value in ["1", "true", "True", "TRUE"] {
        let found = alice.list("/", &format!("recursive={value}")).await.is(200);
        assert_eq!(found.entries("path"), everything, "{value}");
    }
    let top = alice.list("/", "").await.is(200).entries("path");
    for value in ["0", "false", "False", "FALSE"] {
        let found = alice.list("/", &format!("recursive={value}")).await.is(200);
        assert_eq!(found.entries("path"), top, "{value}");
    }
    alice
        .list("/", "recursive=yes")
        .await
        .problem(400, "BAD_REQUEST");
}

#[tokio::test]
async fn lines_are_the_same_entries() {
    let (_gateway, alice) = tree().await;
    let query = "recursive=true&glob=**/*.txt";
    let json = alice
        .list("/", query)
        .header("accept", "application/json, application/x-ndjson;q=0.9")
        .await
        .is(200);
    assert_eq!(json.header("content-type"), "application/json");
    let lines = alice
        .list("/", query)
        .header("accept", NDJSON)
        .await
        .is(200);
    assert_eq!(
        (lines.header("content-type"), lines.header("vary")),
        (NDJSON, "accept")
    );
    let parsed: Vec<serde_json::Value> = lines_of(&lines.body);
    assert_eq!(serde_json::Value::from(parsed), json.json()["items"]);
    let two = alice
        .list("/", &format!("{query}&limit=2"))
        .header("accept", NDJSON)
        .await
        .is(200);
    // Its last line is no entry, but says where it was cut.
    let mut cut = lines_of(&two.body);
    let said = cut.pop().expect("a last line");
    let after = said["next"].as_str().expect("a cursor").to_owned();
    assert_eq!(said, serde_json::json!({ "type": "next", "next": after }));
    assert_eq!(cut.len(), 2);
    let rest = alice
        .list("/", &format!("{query}&limit=0&after={after}"))
        .header("accept", NDJSON)
        .await
        .is(200);
    cut.extend(lines_of(&rest.body));
    assert_eq!(cut, lines_of(&lines.body));
    // A stream that has all is not cut, however long it may be.
    let all = alice
        .list("/", &format!("{query}&limit={}", cut.len()))
        .header("accept", NDJSON)
        .await
        .is(200);
    assert_eq!(all.body, lines.body);
    let none = alice
        .list("/", "glob=none")
        .header("accept", NDJSON)
        .await
        .is(200);
    assert!(none.body.is_empty());
    // What is wrong with a question is said properly, whatever shape the answer was to have.
    alice
        .list("/a.txt", "")
        .header("accept", NDJSON)
        .await
        .problem(400, "NOT_A_DIRECTORY");
    alice
        .list("/none", "")
        .header("accept", NDJSON)
        .await
        .problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn lines_come_at_once_and_a_listing_that_fails_is_cut() {
    // The component holds the second page back until it finds a file, and traps then.
    let gateway = Setup::hostile()
        .limits(r#"cpu_time = "60s", call_timeout = "120s""#)
        .start()
        .await;
    let answer = gateway
        .alice()
        .list("/hostile/halfway", "limit=0")
        .header("accept", NDJSON)
        .streamed()
        .await;
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    let mut got = Vec::new();
    while got.iter().filter(|byte| **byte == b'\n').count() < 3 {
        let piece = timeout(DEADLINE, stream.next())
            .await
            .expect("the first page is held back");
        got.extend(piece.expect("a line").expect("not cut yet"));
    }
    let traps = gateway
        .metrics()
        .await
        .sum("callfs_plugin_traps_total", &[("plugin", "hostile")]);
    assert_eq!(
        traps, 0.0,
        "the first page was held back until the listing failed"
    );
    std::fs::write(gateway.path("hostile/go"), "").expect("writable");
    let cut = loop {
        match stream.next().await {
            Some(Ok(piece)) => got.extend(piece),
            Some(Err(error)) => break error,
            None => panic!("a clean end after {}", String::from_utf8_lossy(&got)),
        }
    };
    assert!(cut.is_body() || cut.is_decode(), "{cut:?}");
    let names: Vec<_> = lines_of(&got)
        .into_iter()
        .map(|entry| entry["name"].clone())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    // With nothing sent yet, a failure is still an answer.
    let failed = gateway
        .alice()
        .list("/hostile/halfway", "after=/hostile/halfway/c")
        .header("accept", NDJSON)
        .await;
    failed.problem(502, "PLUGIN_FAILED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_thousand_lines_take_the_memory_of_a_few() {
    const MANY: usize = 20_000;
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    let expected: Vec<String> = (0..MANY)
        .map(|number| format!("a name of some length {number:06}.txt"))
        .collect();
    std::fs::create_dir(gateway.path("files/many")).expect("a folder");
    for name in &expected {
        std::fs::write(gateway.path("files/many").join(name), "x").expect("writable");
    }
    alice
        .list("/", "limit=0")
        .header("accept", NDJSON)
        .await
        .is(200);
    let idle = gateway.process().peak_memory();
    let lines = alice
        .list("/many", "")
        .header("accept", NDJSON)
        .await
        .is(200);
    let found: Vec<_> = lines_of(&lines.body)
        .into_iter()
        .map(|entry| entry["name"].clone())
        .collect();
    assert!(
        found == expected,
        "{} of {MANY}, or in another order",
        found.len()
    );
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown <= 32 << 20, "grown by {} MiB", grown >> 20);
    // Whoever does not read is waited for.
    let mut slow = gateway.raw().await;
    slow.head(
        "GET",
        "/v1/directories/many",
        &["Accept: application/x-ndjson"],
    )
    .await;
    assert_eq!(slow.answer_head().await.status, 200);
    let one = alice
        .list("/many", "limit=1")
        .header("accept", NDJSON)
        .await
        .is(200);
    let one = lines_of(&one.body);
    assert_eq!(one.len(), 2);
    assert_eq!(one[0]["name"], expected[0]);
    let next = format!("/many/{}", expected[0]);
    assert_eq!(one[1], serde_json::json!({ "type": "next", "next": next }));
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown <= 32 << 20, "grown by {} MiB", grown >> 20);
}

#[tokio::test]
async fn pages_repeat_and_skip_nothing_that_stays_while_files_come_and_go() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let folder = gateway.path("files/busy");
    std::fs::create_dir(&folder).expect("a folder");
    let write = |name: String| std::fs::write(folder.join(name), "x").expect("writable");
    let stays: Vec<String> = (0..4_000)
        .map(|number| format!("{number:05} stays"))
        .collect();
    stays.iter().cloned().for_each(write);
    (0..4_000).for_each(|number| write(format!("{number:05} goes")));
    let mut found = Vec::new();
    let mut target = "/v1/directories/busy?limit=1000".to_owned();
    let mut round = 0;
    loop {
        let page = alice.call("GET", &target).await.is(200);
        found.extend(page.entries("name"));
        for number in (round..4_000).step_by(10) {
            std::fs::remove_file(folder.join(format!("{number:05} goes"))).expect("it was there");
            write(format!("{number:05} came"));
        }
        // The cursor itself goes, too, where it does not stay.
        let last = found.last().cloned().unwrap_or_default();
        if last.ends_with("goes") && folder.join(&last).exists() {
            alice.delete(&format!("/busy/{last}")).await.is(204);
            write(last);
        }
        round += 1;
        match page.json()["next"].as_str() {
            Some(next) => {
                target = format!(
                    "/v1/directories/busy?limit=1000&after={}",
                    crate::harness::encode(next)
                )
            }
            None => break,
        }
    }
    assert!(round > 4, "{round} pages");
    assert!(
        found.is_sorted_by(|one, other| one < other),
        "not in order, or repeated"
    );
    let stayed: Vec<String> = found
        .into_iter()
        .filter(|name| name.ends_with("stays"))
        .collect();
    assert!(stayed == stays, "{} of {}", stayed.len(), stays.len());
}

fn lines_of(body: &[u8]) -> Vec<serde_json::Value> {
    let text = std::str::from_utf8(body).expect("text");
    assert!(
        text.is_empty() || text.ends_with('\n'),
        "a line without an end"
    );
    text.lines()
        .map(|line| serde_json::from_str(line).expect("a JSON object"))
        .collect()
}

#[tokio::test]
async fn entries_have_more_members_where_fields_names_them() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let put = alice.put("/d/a.txt", "hello");
    put.header("content-type", "text/x-a").await.is(201);
    alice.put("/d/deep/b.png", "x").await.is(201);
    fs::write(gateway.path("files/d/found"), "unknown").expect("written beside the gateway");
    let digest = sha256_hex(b"hello");
    let every = [
        "name", "path", "type", "size", "mode", "owner", "group", "mtime", "etag",
    ];
    let shapes = ["application/json", "application/x-ndjson"];
    for (target, accepts) in [
        ("/v1/directories/d?", &shapes[..]),
        ("/v1/directories/d?recursive&", &shapes),
        ("/v1/files/d?", &shapes[..1]),
    ] {
        for accept in accepts {
            let entries = async |fields: &str| {
                let call = alice.call("GET", &format!("{target}{fields}"));
                let reply = call.header("accept", accept).await.is(200);
                let text = String::from_utf8(reply.body).expect("text");
                if accept.contains("ndjson") && target.starts_with("/v1/directories") {
                    let lines = text.lines().map(serde_json::from_str);
                    return lines.collect::<Result<Vec<Value>, _>>().expect("lines");
                }
                let json: Value = serde_json::from_str(&text).expect("JSON");
                let entries = json.as_array().or_else(|| json["items"].as_array());
                entries.cloned().expect("entries")
            };
            let named = |entries: &[Value], name: &str| {
                let found = entries.iter().find(|entry| entry["name"] == name);
                found
                    .cloned()
                    .unwrap_or_else(|| panic!("{target}: no {name}"))
            };
            for entry in entries("").await {
                let entry = entry.as_object().expect("an entry");
                assert!(entry.len() == every.len(), "{target} {accept}: {entry:?}");
            }
            let listed = entries("fields=sha256").await;
            let entry = named(&listed, "a.txt");
            assert!(every.iter().all(|member| entry.get(member).is_some()));
            assert_eq!(entry["sha256"], digest.as_str(), "{target} {accept}");
            assert!(entry.get("content_type").is_none(), "{target} {accept}");
            for unknown in ["deep", "found"] {
                let entry = named(&listed, unknown);
                assert_eq!(entry.get("sha256"), Some(&Value::Null), "{target} {accept}");
            }
            // As people write a list, and as clients do that were generated.
            for both in [
                "fields=name,sha256,content_type",
                "fields=sha256&fields=content_type",
            ] {
                let entry = named(&entries(both).await, "a.txt");
                assert_eq!(entry["content_type"], "text/x-a", "{target} {accept}");
                assert_eq!(entry["sha256"], digest.as_str(), "{target} {accept}");
            }
            let call = alice.call("GET", &format!("{target}fields=name,md5"));
            let refused = call.header("accept", accept).await;
            let detail = refused.detail(400, "BAD_REQUEST");
            assert!(
                detail.contains("'md5'") && detail.contains("sha256"),
                "{detail}"
            );
        }
    }
    // The next page has them, too; a page of links has no members.
    let fields = "limit=1&fields=content_type&fields=sha256";
    let first = alice.list("/d", fields).await.is(200);
    let next = first.header("link").to_owned();
    let (next, _) = next.split_once('>').expect("a next page");
    let page = alice
        .call("GET", next.trim_start_matches('<'))
        .await
        .is(200);
    for member in ["sha256", "content_type"] {
        assert!(page.json()["items"][0].get(member).is_some(), "{next}");
    }
    let links = alice.call("GET", "/v1/files/d/?fields=sha256");
    links.header("accept", "text/html").await.is(200);
}
