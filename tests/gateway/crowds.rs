//! A directory of two hundred thousand files: streamed, and paged through while files come and go.

use std::fs::{self, File};
use std::path::Path;

use futures_util::StreamExt;

use crate::harness::{Client, Gateway};

const MANY: usize = 200_000;
const ALLOWED: u64 = 32 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_thousand_entries_stream_at_once_and_page_while_files_come_and_go() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    let folder = gateway.path("files/many");
    fs::create_dir(&folder).expect("a folder");
    let names: Vec<String> = (0..MANY)
        .map(|number| format!("{number:06} {}", ["stays", "goes"][number % 2]))
        .collect();
    for name in &names {
        File::create_new(folder.join(name)).expect("writable");
    }
    alice
        .list("/", "limit=0")
        .header("accept", "application/x-ndjson")
        .await
        .is(200);
    let idle = gateway.process().peak_memory();

    the_first_line_does_not_wait_for_the_last(&gateway).await;
    every_entry_is_a_line(&alice, &names).await;
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown <= ALLOWED, "streaming took {} MiB", grown >> 20);

    let (found, pages) = page_through_a_busy_directory(&alice, &folder).await;
    assert!(pages >= MANY / 1000, "{pages} pages");
    assert!(
        found.is_sorted_by(|one, other| one < other),
        "not in order, or repeated"
    );
    let stayed = found.iter().filter(|name| name.ends_with("stays"));
    let stays = names.iter().filter(|name| name.ends_with("stays"));
    assert!(
        stayed.eq(stays),
        "of what stayed, something is missing among {} entries",
        found.len()
    );
}

/// By order and not by the clock: with the first line here, and nobody reading on, most of the
/// pages that the storage gives have not been asked for.
async fn the_first_line_does_not_wait_for_the_last(gateway: &Gateway) {
    let pages = async || {
        let labels = [("plugin", "localfs"), ("operation", "list")];
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_delegated_total", &labels)
    };
    let before = pages().await;
    let mut slow = gateway.raw().await;
    slow.head(
        "GET",
        "/v1/directories/many?limit=0",
        &["Accept: application/x-ndjson"],
    )
    .await;
    assert_eq!(slow.answer_head().await.status, 200);
    let mut line = Vec::new();
    while !String::from_utf8_lossy(&line).contains("000000 stays") {
        line.extend(slow.read(64).await);
    }
    // A thousand names a page; what the sockets hold are some thousand lines.
    let asked = pages().await - before;
    assert!(
        (1.0..100.0).contains(&asked),
        "{asked} pages of {}",
        MANY / 1000
    );
}

async fn every_entry_is_a_line(alice: &Client, names: &[String]) {
    let answer = alice
        .list("/many", "limit=0")
        .header("accept", "application/x-ndjson")
        .streamed()
        .await;
    let mut stream = answer.bytes_stream();
    let mut rest = Vec::new();
    let mut expected = names.iter();
    while let Some(piece) = stream.next().await {
        rest.extend(piece.expect("the listing is not cut"));
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let entry: serde_json::Value = serde_json::from_slice(&line).expect("a JSON object");
            assert_eq!(entry["name"].as_str(), expected.next().map(String::as_str));
        }
    }
    assert!(rest.is_empty(), "a line without an end");
    assert_eq!(expected.next(), None, "lines are missing");
}

/// The names on all pages; every now and then, files come and go all over the directory, before and
/// behind the page.
async fn page_through_a_busy_directory(alice: &Client, folder: &Path) -> (Vec<String>, usize) {
    let change = |number: usize| {
        fs::remove_file(folder.join(format!("{number:06} goes"))).expect("it was there");
        drop(File::create_new(folder.join(format!("{number:06} came"))).expect("writable"));
    };
    let mut found = Vec::new();
    let mut pages = 0;
    let mut target = "/v1/directories/many?limit=1000".to_owned();
    loop {
        let page = alice.call("GET", &target).await.is(200);
        found.extend(page.entries("name"));
        if pages % 40 == 20 {
            (1 + 2 * pages..MANY).step_by(400).for_each(change);
        }
        pages += 1;
        let link = page.header("link");
        if link.is_empty() {
            return (found, pages);
        }
        target = link
            .strip_prefix('<')
            .and_then(|link| link.split_once('>'))
            .expect("a link")
            .0
            .to_owned();
    }
}
