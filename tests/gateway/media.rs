//! Films and music: the requests that players send, and a browser that seeks.

use crate::harness::{ALICE_KEY, Browser, Client, Gateway, bytes, eventually};

const SIZE: usize = 20 << 20;

/// Chromium asks for everything and reads until it knows enough, asks for the end, and then for
/// where somebody clicked.
#[tokio::test]
async fn chromium_cuts_what_it_does_not_need() {
    let (gateway, content, etag) = film().await;
    let mut connection = gateway.raw().await;
    connection
        .head(
            "GET",
            "/v1/files/film.mp4",
            &["Accept: */*", "Range: bytes=0-"],
        )
        .await;
    let all = connection.answer_head().await;
    assert_eq!(
        (all.status, all.header("content-range")),
        (206, &*format!("bytes 0-{}/{SIZE}", SIZE - 1))
    );
    assert_eq!(
        (all.header("content-length"), all.header("accept-ranges")),
        (&*SIZE.to_string(), "bytes")
    );
    assert_eq!(all.header("content-type"), "video/mp4");
    let mut start = Vec::new();
    while start.len() < 100_000 {
        start.extend(connection.read(65_536).await);
    }
    assert!(content.starts_with(&start));
    drop(connection);
    for from in [SIZE - 70_000, SIZE / 2] {
        let range = format!("Range: bytes={from}-");
        let if_range = format!("If-Range: {etag}");
        let mut connection = gateway.raw().await;
        connection
            .head(
                "GET",
                "/v1/files/film.mp4",
                &["Accept-Encoding: identity;q=1, *;q=0", &range, &if_range],
            )
            .await;
        let part = connection.answer_head().await;
        assert_eq!(
            (part.status, part.header("content-range")),
            (206, &*format!("bytes {from}-{}/{SIZE}", SIZE - 1))
        );
        assert_eq!(part.header("etag"), etag);
        let first = connection.read(1000).await;
        assert!(content[from..].starts_with(&first), "from {from}");
    }
    eventually("the cut downloads to end", async || {
        (!gateway.works_in("files")).then_some(())
    })
    .await;
}

/// Safari asks for two bytes first, and plays nothing of a server that sends any more or does not
/// say how many there are.
#[tokio::test]
async fn safari_asks_for_two_bytes_first() {
    let (gateway, content, etag) = film().await;
    let mut connection = gateway.raw().await;
    for (first, last) in [
        (0, 1),
        (0, SIZE - 1),
        (SIZE - 66_000, SIZE - 1),
        (SIZE / 2, SIZE / 2 + 999_999),
    ] {
        let range = format!("Range: bytes={first}-{last}");
        let lines = [
            "Accept: */*",
            "X-Playback-Session-Id: 1",
            "Accept-Encoding: identity",
            &range,
        ];
        connection.head("GET", "/v1/files/film.mp4", &lines).await;
        let part = connection.answer().await;
        assert_eq!(
            (part.status, part.header("content-range")),
            (206, &*format!("bytes {first}-{last}/{SIZE}"))
        );
        assert_eq!(
            (part.header("etag"), part.header("content-type")),
            (&*etag, "video/mp4")
        );
        assert!(part.body == content[first..=last], "{range}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_plays_what_it_opens_and_seeks_in_it() {
    let gateway = Gateway::start().await;
    let seconds = 300;
    let alice = gateway.alice();
    alice.put("/music.wav", silence(seconds)).await.is(201);
    let Some(mut browser) = Browser::start(&gateway.path("")) else {
        return;
    };
    browser.open(&format!(
        "http://alice:{ALICE_KEY}@{}/v1/files/music.wav",
        gateway.authority()
    ));
    let player = "document.querySelector('video, audio')";
    let duration = browser.evaluate(&format!(
        "(p => p && (p.error?.message ?? (p.duration || null)))({player})"
    ));
    assert_eq!(duration, f64::from(seconds));
    let before = opened(&gateway).await;
    for position in [290, 5, 150] {
        let seek = format!(
            "new Promise(done => {{ const p = {player}; p.pause(); p.onerror = () => \
             done(p.error.message); p.onseeked = () => done(p.currentTime); p.currentTime = \
             {position} }})"
        );
        assert_eq!(browser.evaluate(&seek), f64::from(position));
    }
    assert!(
        opened(&gateway).await > before,
        "it had all of it before it was asked to seek"
    );
}

/// A page of links in a browser, followed like anybody would, into a directory and to a file in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_finds_its_way_through_directories() {
    let gateway = Gateway::start().await;
    gateway
        .alice()
        .put("/a #1/b?/it's <b>.txt", "found")
        .await
        .is(201);
    let Some(mut browser) = Browser::start(&gateway.path("")) else {
        return;
    };
    browser.open(&format!(
        "http://alice:{ALICE_KEY}@{}/v1/files",
        gateway.authority()
    ));
    for name in ["a #1/", "b?/", "it's <b>.txt"] {
        let text = serde_json::Value::from(name);
        browser.evaluate(&format!(
            "(link => link ? (link.click(), true) : null)([...document.links].find(link => \
             link.text == {text}))"
        ));
    }
    assert_eq!(
        browser.evaluate("document.body?.innerText == 'found' ? 'found' : null"),
        "found"
    );
}

/// How often the storage opened a file.
async fn opened(gateway: &Gateway) -> f64 {
    gateway.metrics().await.sum(
        "callfs_plugin_delegated_total",
        &[("plugin", "localfs"), ("operation", "read")],
    )
}

async fn film() -> (Gateway, Vec<u8>, String) {
    let gateway = Gateway::start().await;
    let alice: Client = gateway.alice();
    let content = bytes(1, SIZE);
    let etag = alice.put("/film.mp4", content.clone()).await.is(201).etag();
    (gateway, content, etag)
}

/// WAV needs no encoder, and every byte of it has its time: mono, 16 bits, 44,100 times a second.
fn silence(seconds: u32) -> Vec<u8> {
    let rate = 44_100_u32;
    let length = 44_100 * 2 * seconds;
    let mut wav = [
        b"RIFF",
        &(length + 36).to_le_bytes()[..],
        b"WAVEfmt ",
        &16_u32.to_le_bytes(),
    ]
    .concat();
    wav.extend([1_u16, 1].iter().flat_map(|number| number.to_le_bytes()));
    wav.extend(
        [rate, rate * 2]
            .iter()
            .flat_map(|number| number.to_le_bytes()),
    );
    wav.extend([2_u16, 16].iter().flat_map(|number| number.to_le_bytes()));
    wav.extend([b"data", &length.to_le_bytes()[..]].concat());
    wav.resize(wav.len() + length as usize, 0);
    wav
}
