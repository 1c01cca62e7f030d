//! What one operation costs on a folder of this machine: calls of components, and operations that
//! the storage has delegated to the gateway.

use std::fs;

use crate::harness::{Gateway, Metrics, Setup};

/// Calls of components, and delegated operations.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Cost {
    calls: u64,
    delegated: u64,
}

fn cost(metrics: &Metrics) -> Cost {
    Cost {
        calls: metrics.sum("callfs_plugin_calls_total", &[]) as u64,
        delegated: metrics.sum("callfs_plugin_delegated_total", &[]) as u64,
    }
}

#[tokio::test]
async fn each_operation_stays_within_its_calls() {
    let dir = Setup::default().prepare();
    let found = dir.path().join("files/a/b/c/d");
    fs::create_dir_all(&found).expect("folders");
    for name in ["one", "two"] {
        fs::write(found.join(name), "x").expect("a file");
    }
    let gateway = Gateway::start_in(dir, &[]);
    let admin = gateway.admin();
    // The key is remembered from here on.
    admin.get("/").await.is(200);
    let (found, made) = ("/a/b/c/d/one", "/x/y/z/new");
    // In this order: name, status, the most calls, the most delegated operations. One of the calls
    // may be a question that the authorizer is asked for the first time.
    let table = [
        ("GET", 200, 1, 1, admin.get(found)),
        ("GET, again", 200, 0, 1, admin.get(found)),
        ("HEAD", 200, 0, 1, admin.head(found)),
        ("GET, missing", 404, 1, 2, admin.get("/a/b/c/d/none")),
        ("GET, missing directories", 404, 1, 2, admin.get("/q/w/e/r")),
        // The directories on the way are looked at again with each page, in one look.
        ("list", 200, 1, 3, admin.list("/a/b/c", "")),
        ("PUT, adopted", 200, 1, 3, admin.put(found, "new")),
        ("PUT, replacing", 200, 1, 3, admin.put(found, "newer")),
        (
            "PUT, beside others",
            201,
            1,
            3,
            admin.put("/a/b/c/d/new", "x"),
        ),
        (
            "PUT, three new directories",
            201,
            2,
            9,
            admin.put(made, "x"),
        ),
        (
            "PUT, recorded directory",
            201,
            1,
            3,
            admin.put("/x/y/z/other", "x"),
        ),
        ("GET, recorded", 200, 1, 1, admin.get(made)),
        (
            "GET, a range",
            206,
            1,
            1,
            admin.get(made).header("range", "bytes=0-0"),
        ),
        ("copy", 201, 2, 5, admin.copy("POST", made, "/x/y/z/copy")),
        ("DELETE", 204, 1, 3, admin.delete(made)),
        ("DELETE, adopted", 204, 1, 3, admin.delete("/a/b/c/d/two")),
    ];
    for (what, status, calls, delegated, call) in table {
        let before = cost(&gateway.metrics().await);
        call.await.is(status);
        let after = cost(&gateway.metrics().await);
        let paid = Cost {
            calls: after.calls - before.calls,
            delegated: after.delegated - before.delegated,
        };
        assert!(
            paid.calls <= calls && paid.delegated <= delegated,
            "{what}: {paid:?}, and {calls} calls and {delegated} delegated operations are allowed"
        );
    }
}
