//! How many requests to the S3 server one operation takes: each is a round trip, and is paid for.

use crate::harness::{Gateway, S3};

/// The requests that the mount has sent.
async fn sent(gateway: &Gateway) -> u64 {
    let metrics = gateway.metrics().await;
    metrics.sum("callfs_plugin_http_requests_total", &[("plugin", "s3")]) as u64
}

#[tokio::test]
async fn each_operation_stays_within_its_requests() {
    let s3 = S3::with(|bucket| {
        for name in ["a/b/c/one", "a/b/c/two", "a/b/c/three"] {
            bucket.object(name);
        }
    });
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    // Objects without records, and those that the gateway makes.
    let (found, made) = ("/s3/a/b/c/one", "/s3/a/x/y/z/new");
    // In this order: name, status, the most requests.
    let table = [
        ("GET", 200, 1, admin.get(found)),
        ("GET, again", 200, 1, admin.get(found)),
        ("HEAD", 200, 1, admin.head(found)),
        ("GET, missing", 404, 2, admin.get("/s3/a/b/c/none")),
        ("GET, missing directories", 404, 5, admin.get("/s3/q/w/e/r")),
        ("list", 200, 1, admin.list("/s3/a/b/c", "")),
        ("list, missing", 404, 3, admin.list("/s3/a/b/none", "")),
        ("PUT, adopted", 200, 2, admin.put(found, "new")),
        ("PUT, replacing", 200, 2, admin.put(found, "newer")),
        (
            "PUT, beside others",
            201,
            2,
            admin.put("/s3/a/b/c/new", "x"),
        ),
        // One more than where what is beside them shows that the directory above is there.
        ("PUT, three new directories", 201, 6, admin.put(made, "x")),
        (
            "PUT, recorded directory",
            201,
            2,
            admin.put("/s3/a/x/y/z/other", "x"),
        ),
        ("GET, recorded", 200, 1, admin.get(made)),
        (
            "GET, missing in a recorded directory",
            404,
            2,
            admin.get("/s3/a/x/y/z/none"),
        ),
        (
            "PUT, three new ones in a recorded directory",
            201,
            5,
            admin.put("/s3/a/x/1/2/3/new", "x"),
        ),
        (
            "GET, a range",
            206,
            1,
            admin.get(made).header("range", "bytes=0-0"),
        ),
        (
            "GET, a range that ends with the file",
            206,
            1,
            admin.get(made).header("range", "bytes=0-999999"),
        ),
        ("copy", 201, 5, admin.copy("POST", made, "/s3/a/x/y/z/copy")),
        ("DELETE", 204, 2, admin.delete(made)),
        // Under the lock only the storage can tell whether another one has removed it.
        ("DELETE, adopted", 204, 3, admin.delete("/s3/a/b/c/two")),
    ];
    for (what, status, most, call) in table {
        let before = sent(&gateway).await;
        call.await.is(status);
        let cost = sent(&gateway).await - before;
        assert!(
            cost <= most,
            "{what}: {cost} requests, and {most} are allowed"
        );
    }
}
