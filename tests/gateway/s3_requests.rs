//! How many requests one request costs the S3 server: each is a round trip, and is paid for.

use crate::harness::{Gateway, Reply, S3};

/// The requests that the mount has sent.
async fn sent(gateway: &Gateway) -> u64 {
    let metrics = gateway.metrics().await;
    metrics.sum("callfs_plugin_http_requests_total", &[("plugin", "s3")]) as u64
}

/// A request, with what it is called and the most that it may cost.
struct Priced<'a> {
    what: &'a str,
    most: u64,
    status: u16,
}

async fn costs(
    gateway: &Gateway,
    priced: Priced<'_>,
    call: impl Future<Output = Reply>,
    over: &mut Vec<String>,
) {
    let before = sent(gateway).await;
    let reply = call.await.is(priced.status);
    drop(reply);
    let cost = sent(gateway).await - before;
    let Priced { what, most, .. } = priced;
    if cost > most {
        over.push(format!("{what}: {cost} requests, and {most} are allowed"));
    }
}

#[tokio::test]
async fn each_operation_stays_within_its_requests() {
    let s3 = S3::with(|bucket| {
        for name in ["a/b/c/one", "a/b/c/two", "a/b/c/three", "a/b/c/four"] {
            bucket.object(name);
        }
    });
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    let mut over = Vec::new();
    let priced = |what, most, status| Priced { what, most, status };
    let over = &mut over;
    let ask = &gateway;
    let unrecorded = "/s3/a/b/c/one";
    costs(
        ask,
        priced("GET, unrecorded", 1, 200),
        async { admin.get(unrecorded).await },
        over,
    )
    .await;
    costs(
        ask,
        priced("GET, again", 1, 200),
        async { admin.get(unrecorded).await },
        over,
    )
    .await;
    costs(
        ask,
        priced("HEAD, unrecorded", 1, 200),
        async { admin.head(unrecorded).await },
        over,
    )
    .await;
    costs(
        ask,
        priced("GET, missing", 5, 404),
        async { admin.get("/s3/a/b/c/none").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("list", 3, 200),
        async { admin.list("/s3/a/b/c", "").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("PUT, replacing unrecorded", 2, 200),
        async { admin.put(unrecorded, "new").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("PUT, replacing", 2, 200),
        async { admin.put(unrecorded, "newer").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("PUT, new beside it", 4, 201),
        async { admin.put("/s3/a/b/c/new", "x").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("PUT, new in three new directories", 10, 201),
        async { admin.put("/s3/a/x/y/z/new", "x").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("PUT, new beside that", 3, 201),
        async { admin.put("/s3/a/x/y/z/other", "x").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("GET, recorded", 1, 200),
        async { admin.get("/s3/a/x/y/z/new").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("GET, a range", 2, 206),
        async {
            admin
                .get("/s3/a/x/y/z/new")
                .header("range", "bytes=0-0")
                .await
        },
        over,
    )
    .await;
    costs(
        ask,
        priced("copy in the bucket", 7, 201),
        async {
            admin
                .copy("POST", "/s3/a/x/y/z/new", "/s3/a/x/y/z/copy")
                .await
        },
        over,
    )
    .await;
    costs(
        ask,
        priced("DELETE", 4, 204),
        async { admin.delete("/s3/a/x/y/z/new").await },
        over,
    )
    .await;
    costs(
        ask,
        priced("DELETE, unrecorded", 4, 204),
        async { admin.delete("/s3/a/b/c/two").await },
        over,
    )
    .await;
    assert!(over.is_empty(), "{over:#?}");
}
