//! A server of metadata or of locks, or a served folder, goes away and comes back.

use std::fs;
use std::path::Path;

use callfs_test_servers::{Postgres, Redis};

use crate::harness::{
    Client, Gateway, Mount, Process, Reply, Setup, command, eventually, postgres, redis,
    shared_locks,
};

/// A part that is down: its name in `/health/ready`, and what the answer names.
async fn is_down(gateway: &Gateway, part: &str, names: &str) {
    let alice = gateway.alice();
    let refused = eventually("a request to fail", async || {
        let reply = alice.put("/new.txt", "new").await;
        (reply.status == 503).then_some(reply)
    })
    .await;
    let detail = refused.detail(503, "BACKEND_UNAVAILABLE");
    assert!(detail.contains(names), "{detail}");
    let ready = gateway.stranger().call("GET", "/health/ready").await;
    ready.problem(503, "NOT_READY");
    assert_eq!(failed(&ready), [part]);
    gateway.stranger().call("GET", "/health/live").await.is(200);
}

/// The metadata store answers, and takes no changes.
async fn refuses_changes(gateway: &Gateway, alice: &Client, why: &str) {
    eventually("changes to be refused", async || {
        let reply = alice.put("/new.txt", "new").await;
        (reply.status == 503 && reply.text().contains(why)).then_some(())
    })
    .await;
    alice.get("/old.txt").await.is(200);
    let ready = gateway.stranger().call("GET", "/health/ready").await;
    ready.problem(503, "NOT_READY");
    assert_eq!(failed(&ready), ["metadata"]);
    gateway.logged(why).await;
}

fn failed(ready: &Reply) -> Vec<String> {
    let parts = ready.json()["parts"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    parts
        .iter()
        .filter(|part| part["status"] != "ok")
        .filter_map(|part| Some(part["name"].as_str()?.to_owned()))
        .collect()
}

/// Everything is as before, without a restart.
async fn is_back(gateway: &Gateway, alice: &Client) {
    eventually("the service to be ready again", async || {
        (gateway.stranger().call("GET", "/health/ready").await.status == 200).then_some(())
    })
    .await;
    assert_eq!(
        alice.get("/old.txt").await.is(200).header("x-callfs-owner"),
        "alice"
    );
    alice.put("/new.txt", "new").await;
    alice.get("/new.txt").await.is(200);
    alice.delete("/new.txt").await.is(204);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_goes_away_and_comes_back() {
    let Some(mut server) = Postgres::own() else {
        return;
    };
    let gateway = Setup::on(&postgres(&server.database())).start().await;
    let alice = gateway.alice();
    alice.put("/old.txt", "old").await.is(201);
    for _ in 0..2 {
        server.stop();
        is_down(&gateway, "metadata", "PostgreSQL").await;
        server.start();
        is_back(&gateway, &alice).await;
    }
    server.stop();
    server.start_read_only();
    refuses_changes(&gateway, &alice, "is read-only").await;
    server.stop();
    server.start();
    is_back(&gateway, &alice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_goes_away_and_comes_back() {
    let Some(mut server) = Redis::own() else {
        return;
    };
    let gateway = Setup::on(&redis(server.url())).start().await;
    let alice = gateway.alice();
    alice.put("/old.txt", "old").await.is(201);
    for _ in 0..2 {
        server.stop();
        is_down(&gateway, "metadata", "Redis").await;
        server.start();
        is_back(&gateway, &alice).await;
    }
    server.stop();
    server.start_read_only();
    refuses_changes(&gateway, &alice, "is a replica").await;
    server.stop();
    server.start();
    is_back(&gateway, &alice).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lock_server_goes_away_and_comes_back() {
    let Some(mut server) = Redis::own() else {
        return;
    };
    let index = "[metadata]\nstore = \"sqlite\"\nurl = \"sqlite:$DIR/metadata.db\"\n".to_owned();
    let gateway = Setup::on(&(index + &shared_locks(server.url())))
        .start()
        .await;
    let alice = gateway.alice();
    alice.put("/old.txt", "old").await.is(201);
    for _ in 0..2 {
        server.stop();
        is_down(&gateway, "locks", "lock").await;
        // Readers need no locks.
        alice.get("/old.txt").await.is(200);
        server.start();
        is_back(&gateway, &alice).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_waits_for_locks_a_gateway_says_that_it_lives_and_why_it_is_not_ready() {
    let Some(server) = Redis::own() else {
        return;
    };
    let index = "[metadata]\nstore = \"sqlite\"\nurl = \"sqlite:$DIR/metadata.db\"\n".to_owned();
    let dir = Setup::on(&(index + &shared_locks(server.url()))).prepare();
    let port = callfs_test_servers::free_port();
    let mut serve = command(dir.path());
    let mut process = Process::start(
        serve
            .args(["serve", "--config", "callfs.toml", "--listen"])
            .arg(format!("127.0.0.1:{port}")),
    );
    let client = Client::new(&format!("http://127.0.0.1:{port}/"), None);
    // A lock server that is new grants nothing for as long as a lease lasts.
    let waiting = eventually("it to wait for its locks", async || {
        let live = client.call("GET", "/health/live").attempt().await.ok()?;
        assert_eq!(live.status, 200, "it lives");
        let ready = client.call("GET", "/health/ready").await;
        ready.text().contains("locks").then_some(ready)
    })
    .await;
    let problem = waiting.problem(503, "NOT_READY");
    assert_eq!(problem["parts"][0]["name"], "locks", "{problem}");
    client
        .call("GET", "/v1/files/a.txt")
        .await
        .problem(503, "NOT_READY");
    process.listens();
    client.call("GET", "/health/ready").await.is(200);
    client
        .call("GET", "/v1/files/a.txt")
        .await
        .problem(401, "AUTHENTICATION_FAILED");
    process.terminate();
    assert!(process.wait().success());
}

/// What becomes of a folder while it is served.
struct LostFolder {
    what: &'static str,
    deed: fn(&Path, &Path),
    said: &'static str,
    /// How it comes back, if it can without a restart.
    undo: Option<fn(&Path, &Path)>,
}

fn moved(from: &Path, to: &Path) {
    fs::rename(from, to).expect("moved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_served_folder_goes_away_and_comes_back() {
    let losses = [
        LostFolder {
            what: "removed",
            deed: |folder, _| fs::remove_dir_all(folder).expect("removed"),
            said: "was removed; put it back, and restart the gateway",
            undo: None,
        },
        LostFolder {
            what: "removed, and a new one made",
            deed: |folder, _| {
                fs::remove_dir_all(folder).expect("removed");
                fs::create_dir(folder).expect("made");
            },
            said: "was removed; put it back, and restart the gateway",
            undo: None,
        },
        LostFolder {
            what: "moved",
            deed: |folder, aside| moved(folder, aside),
            said: "was moved away; put it back",
            undo: Some(|folder, aside| moved(aside, folder)),
        },
        LostFolder {
            what: "moved, and a new one made",
            deed: |folder, aside| {
                moved(folder, aside);
                fs::create_dir(folder).expect("made");
            },
            said: "is another one by now than the one that is served",
            undo: Some(|folder, aside| {
                fs::remove_dir(folder).expect("nothing was written to it");
                moved(aside, folder);
            }),
        },
    ];
    for LostFolder {
        what,
        deed,
        said,
        undo,
    } in losses
    {
        let setup = Setup::default()
            .mount(Mount::folder("/", "files"))
            .mount(Mount::folder("/far", "second"));
        let gateway = setup.start().await;
        let admin = gateway.admin();
        let ready = || gateway.stranger().call("GET", "/health/ready");
        admin.put("/far/dir/old.txt", "old").await.is(201);
        ready().await.is(200);
        let folder = gateway.path("second");
        let aside = gateway.path("aside");
        deed(&folder, &aside);

        let reply = ready().await;
        reply.problem(503, "NOT_READY");
        assert_eq!(failed(&reply), ["mount /far"], "{what}");
        gateway.logged(said).await;
        for refused in [
            admin.put("/far/new.txt", "new").await,
            admin.put("/far/dir/old.txt", "new").await,
            admin.delete("/far/dir/old.txt").await,
            admin
                .copy("POST", "/far/dir/old.txt", "/far/copy.txt")
                .await,
        ] {
            refused.problem(503, "BACKEND_UNAVAILABLE");
        }
        // The other mount goes on.
        admin.put("/near.txt", "near").await.is(201);
        let Some(undo) = undo else {
            for path in ["/far/dir/old.txt", "/far/none.txt", "/far", "/far/dir"] {
                let reply = admin.get(path).await;
                reply.problem(503, "BACKEND_UNAVAILABLE");
            }
            continue;
        };
        assert_eq!(admin.get("/far/dir/old.txt").await.is(200).text(), "old");
        let kept = fs::read_dir(&aside).expect("there").count();
        assert_eq!(kept, 2, "{what}: the directory, and what the gateway keeps");

        undo(&folder, &aside);
        ready().await.is(200);
        assert_eq!(admin.get("/far/dir/old.txt").await.is(200).text(), "old");
        admin.put("/far/new.txt", "new").await.is(201);
        let stored = fs::read(folder.join("new.txt")).expect("stored");
        assert_eq!(stored, b"new", "{what}");
    }
}
