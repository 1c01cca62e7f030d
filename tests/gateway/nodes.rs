//! Several gateways on one metadata store and one storage, with locks that they share.

use std::path::Path;

use callfs_test_servers::{Postgres, Redis};
use serde_json::json;

use crate::harness::{
    Gateway, Process, Setup, bytes, command, eventually, postgres, redis, shared_locks,
};

/// A test of each behaviour on each store that several gateways can share.
macro_rules! on_shared_stores {
    ($($behaviour:ident)*) => {
        mod postgres { on_shared_stores!(super::on_postgres() => $($behaviour)*); }
        mod redis { on_shared_stores!(super::on_redis() => $($behaviour)*); }
    };
    ($index:expr => $($behaviour:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                if let Some(index) = $index {
                    super::$behaviour(super::Pair::start(&index).await).await;
                }
            }
        )*
    };
}

on_shared_stores! {
    defect_8_what_is_deleted_elsewhere_is_gone_at_once
    what_is_changed_elsewhere_is_seen
    of_many_who_create_one_file_one_succeeds
    nobody_sees_half_of_a_move_that_was_made_elsewhere
    a_gateway_that_dies_lets_go_and_others_finish_what_it_began
}

fn on_postgres() -> Option<String> {
    Some(postgres(&Postgres::shared()?.database()) + &shared_locks(Redis::shared()?.url()))
}

fn on_redis() -> Option<String> {
    let url = Redis::shared()?.url();
    Some(redis(url) + &shared_locks(url))
}

/// Two gateways that serve the same two folders.
struct Pair {
    one: Gateway,
    two: Gateway,
}

impl Pair {
    async fn start(index: &str) -> Self {
        let one = Setup::on(index).start().await;
        one.admin()
            .patch("/flat", &json!({"mode": "1777"}))
            .await
            .is(200);
        let two = Setup::beside(&one, index).start().await;
        Self { one, two }
    }
}

async fn defect_8_what_is_deleted_elsewhere_is_gone_at_once(pair: Pair) {
    let here = pair.one.alice();
    let there = pair.two.alice();
    for round in 0..30 {
        here.post("/again.txt", format!("{round}")).await.is(201);
        assert_eq!(
            there.get("/again.txt").await.is(200).text(),
            format!("{round}")
        );
        there
            .post("/again.txt", "twice")
            .await
            .problem(409, "FILE_ALREADY_EXISTS");
        here.delete("/again.txt").await.is(204);
        there.get("/again.txt").await.problem(404, "FILE_NOT_FOUND");
        there.post("/again.txt", "made elsewhere").await.is(201);
        assert_eq!(
            here.get("/again.txt")
                .await
                .is(200)
                .header("x-callfs-owner"),
            "alice"
        );
        there.delete("/again.txt").await.is(204);
    }
}

async fn what_is_changed_elsewhere_is_seen(pair: Pair) {
    let here = pair.one.alice();
    let there = pair.two.bob();
    here.put("/shared/a.txt", "content").await.is(201);
    for mode in ["0600", "0644", "0600", "0644"] {
        // What is remembered is used in between.
        there.get("/shared/a.txt").await;
        here.patch("/shared/a.txt", &json!({"mode": mode}))
            .await
            .is(200);
        let expected = if mode == "0600" { 403 } else { 200 };
        eventually("the change to be seen elsewhere", async || {
            (there.get("/shared/a.txt").await.status == expected).then_some(())
        })
        .await;
    }
    // Whoever changes something changes what is there now, whatever was remembered.
    for round in 0..20 {
        let (one, two) = if round % 2 == 0 {
            (&pair.one, &pair.two)
        } else {
            (&pair.two, &pair.one)
        };
        one.alice()
            .patch(
                "/shared/a.txt",
                &json!({"mode": if round % 4 < 2 { "0640" } else { "0644" }}),
            )
            .await
            .is(200);
        two.alice()
            .put("/shared/a.txt", format!("{round}"))
            .await
            .is(200);
        let mode = one
            .alice()
            .get("/shared/a.txt")
            .await
            .is(200)
            .header("x-callfs-mode")
            .to_owned();
        assert!(
            mode.ends_with(if round % 4 < 2 { "640" } else { "644" }),
            "round {round}: {mode}"
        );
    }
}

async fn of_many_who_create_one_file_one_succeeds(pair: Pair) {
    for round in 0..10 {
        let path = format!("/race/{round}");
        let made = (0..20).map(|number| {
            let client = if number % 2 == 0 {
                pair.one.alice()
            } else {
                pair.two.alice()
            };
            let path = path.clone();
            tokio::spawn(async move { client.post(&path, format!("{number}")).await.status })
        });
        let statuses: Vec<u16> = futures_util::future::join_all(made)
            .await
            .into_iter()
            .map(|made| made.expect("answered"))
            .collect();
        let successes = statuses.iter().filter(|status| **status == 201).count();
        assert!(
            successes == 1 && statuses.iter().all(|status| matches!(status, 201 | 409)),
            "{statuses:?}"
        );
    }
}

async fn nobody_sees_half_of_a_move_that_was_made_elsewhere(pair: Pair) {
    let here = pair.one.alice();
    let there = pair.two.alice();
    for number in 0..20 {
        here.put(&format!("/tree/{number}"), format!("{number}"))
            .await
            .is(201);
    }
    for (from, to) in [
        ("/tree", "/flat/tree"),
        ("/flat/tree", "/tree"),
        ("/tree", "/flat/tree"),
    ] {
        here.patch(from, &json!({"destination": to})).await.is(200);
        // A change that was answered is seen elsewhere within the bound, and whole.
        eventually("the whole tree elsewhere", async || {
            let moved = there.list(to, "").await;
            let gone = there.get(from).await;
            (moved.status == 200 && moved.entries("name").len() == 20 && gone.status == 404)
                .then_some(())
        })
        .await;
    }
}

async fn a_gateway_that_dies_lets_go_and_others_finish_what_it_began(pair: Pair) {
    let Pair { mut one, two } = pair;
    let alice = one.alice();
    for number in 0..40 {
        alice
            .put(&format!("/tree/{number}"), bytes(number, 20_000))
            .await
            .is(201);
    }
    let moving = tokio::spawn(async move {
        // Whoever is not answered has no claim.
        let _ = alice
            .patch("/tree", &json!({"destination": "/flat/tree"}))
            .attempt()
            .await;
    });
    eventually("the move to be under way", async || {
        (one.everything_in("second").len() > 5 || moving.is_finished()).then_some(())
    })
    .await;
    one.kill();
    moving.await.expect("a request");
    let bob = two.alice();
    eventually(
        "the tree to be at one of its paths, whole, and free",
        async || {
            let at = [
                bob.list("/tree", "").await,
                bob.list("/flat/tree", "").await,
            ];
            let whole = at
                .iter()
                .filter(|one| one.status == 200 && one.entries("name").len() == 40)
                .count();
            let gone = at.iter().filter(|one| one.status == 404).count();
            (whole == 1 && gone == 1).then_some(())
        },
    )
    .await;
    let place = if bob.get("/tree").await.status == 200 {
        "/tree"
    } else {
        "/flat/tree"
    };
    for number in 0..40 {
        assert!(
            bob.get(&format!("{place}/{number}")).await.is(200).body == bytes(number, 20_000),
            "{number}"
        );
    }
    // The locks of the dead are free after their lease.
    bob.put(&format!("{place}/new"), "new").await.is(201);
    bob.patch(place, &json!({"destination": "/done"}))
        .await
        .is(200);
    let left = two.alice().list("/done", "").await.is(200).entries("name");
    assert_eq!(left.len(), 41);
    eventually("nothing hidden to be left", async || {
        let names = one.everything_in("second");
        names
            .iter()
            .all(|name| !name.starts_with("tree"))
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_shared_locks_a_second_gateway_is_refused() {
    let stores = [
        Postgres::shared().map(|server| postgres(&server.database())),
        Redis::shared().map(|server| redis(server.url())),
    ];
    for index in stores.into_iter().flatten() {
        let first = Setup::on(&index).start().await;
        let refused = Setup::beside(&first, &index).prepare();
        let said = ends_with_failure(refused.path());
        assert!(
            said.contains("another gateway uses the metadata store")
                && said.contains("manager = \"redis\""),
            "{said}"
        );
        first.alice().put("/goes-on", "text").await.is(201);
        first.admin().delete("/goes-on").await.is(204);
        drop(first);
        let _free = Setup::on(&index).start().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_all_of_a_store_is_refused_while_any_gateway_uses_it() {
    for sections in [on_postgres(), on_redis()].into_iter().flatten() {
        let one = Setup::on(&sections).start().await;
        let two = Setup::beside(&one, &sections).start().await;
        one.alice().put("/a.txt", "text").await.is(201);
        let dump = two.path("dump.ndjson");
        let run = |arguments: &[&str]| {
            let output = command(&two.path(""))
                .args(arguments)
                .args(["--config", "callfs.toml"])
                .output()
                .expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            (output.status.success(), said)
        };
        let (exported, said) = run(&["metadata", "export", &dump.display().to_string()]);
        assert!(exported, "{said}");
        for arguments in [
            &["fsck", "--repair"][..],
            &["metadata", "import", "dump.ndjson", "--replace"],
        ] {
            let (done, said) = run(arguments);
            assert!(!done, "{arguments:?}: {said}");
            assert!(
                said.contains("another gateway uses"),
                "{arguments:?}: {said}"
            );
        }
        let kept = one.alice().get("/a.txt").await.is(200);
        assert_eq!(kept.header("x-callfs-owner"), "alice");
    }
}

/// What a gateway says that does not start.
fn ends_with_failure(dir: &Path) -> String {
    let config = dir.join("callfs.toml");
    let mut process = Process::start(command(dir).arg("serve").arg("--config").arg(config));
    assert!(!process.wait().success());
    process.stderr()
}
