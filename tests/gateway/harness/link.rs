//! A link, and the strangers who have it.

use serde_json::Value;

use super::{ALICE_KEY, Call, Client, Gateway, Raw, Reply, eventually};

/// A new link, as its maker is told of it.
pub(crate) struct Made {
    pub(crate) id: String,
    pub(crate) token: String,
    /// Path of the download, as it goes over the wire.
    pub(crate) target: String,
    pub(crate) reply: Reply,
}

/// A request for a link.
pub(crate) fn ask(client: &Client, wanted: &Value) -> Call {
    let request = client
        .call("POST", "/v1/links/generate")
        .header("content-type", "application/json");
    request.body(wanted.to_string())
}

/// A new link.
pub(crate) async fn make(client: &Client, wanted: Value) -> Made {
    let reply = ask(client, &wanted).await.is(201);
    let json = reply.json();
    let text = |name: &str| {
        json[name]
            .as_str()
            .unwrap_or_else(|| panic!("no {name} in {json}"))
            .to_owned()
    };
    let id = text("id");
    let token = text("token");
    Made {
        id,
        target: format!("/download/{token}"),
        token,
        reply,
    }
}

/// A link as its maker sees it later.
pub(crate) async fn info(client: &Client, link: &Made) -> Value {
    client
        .call("GET", &format!("/v1/links/{}", link.id))
        .await
        .is(200)
        .json()
}

/// A download by a stranger.
pub(crate) fn get(gateway: &Gateway, link: &Made) -> Call {
    gateway.stranger().call("GET", &link.target)
}

/// The same, without the bytes.
pub(crate) fn head(gateway: &Gateway, link: &Made) -> Call {
    gateway.stranger().call("HEAD", &link.target)
}

/// The whole file, as soon as nobody else has the use.
pub(crate) async fn get_when_free(gateway: &Gateway, link: &Made, range: Option<&str>) -> Reply {
    eventually("the use to be let go of", async || {
        let request = get(gateway, link);
        let reply = match range {
            Some(range) => request.header("range", range).await,
            None => request.await,
        };
        (reply.status != 423).then_some(reply)
    })
    .await
}

/// Begins a download, takes this many bytes of it, and goes away.
pub(crate) async fn cut(gateway: &Gateway, link: &Made, least: usize) -> usize {
    let mut raw = Raw::connect(&gateway.authority(), ALICE_KEY).await;
    raw.head("GET", &link.target, &[]).await;
    assert_eq!(raw.answer_head().await.status, 200);
    let mut taken = 0;
    while taken < least {
        let more = raw.read(least - taken).await;
        assert!(!more.is_empty(), "the download ended early");
        taken += more.len();
    }
    taken
}
