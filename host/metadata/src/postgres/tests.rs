use std::time::Instant;

use callfs_test_servers as servers;

use super::*;
use crate::suite::{Place, link_suite, metadata_suite, path, record, tombstone, work_together};
use crate::{Cached, STALE_AT_MOST};

/// A database of its own for each test.
struct Database(String);

impl Place for Database {
    type Store = PostgresStore;

    async fn new() -> Option<Self> {
        Some(Self(servers::Postgres::shared()?.database()))
    }

    async fn open(&self) -> PostgresStore {
        self.heard(Arc::default()).await
    }
}

impl Database {
    async fn heard(&self, notifications: Arc<Notifications>) -> PostgresStore {
        PostgresStore::open(&self.0, 3, notifications)
            .await
            .expect("opened")
    }

    async fn connection(&self) -> sqlx::PgConnection {
        server::connect(&server::options(&self.0).expect("good"))
            .await
            .expect("connected")
    }
}

metadata_suite!(Database);
link_suite!(Database);

const DEADLINE: std::time::Duration = std::time::Duration::from_secs(30);

async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < DEADLINE, "still waiting: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

fn put(text: &str) -> Vec<Change> {
    vec![Change::Put(record(text, "alice"))]
}

fn is_unavailable(error: &Error) -> bool {
    error.kind() == ErrorKind::BackendUnavailable
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_gateways_see_what_they_would_see_one_after_the_other() {
    let Some(database) = Database::new().await else {
        return;
    };
    let mut stores: Vec<Arc<dyn Metadata>> = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(database.open().await));
    }
    let mut done = 0;
    for round in 0..6 {
        done += work_together(&stores, &format!("/{round}"), round, 6).await;
    }
    assert!(done > 50, "only {done} changes were made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_gateway_commits_is_heard() {
    let Some(database) = Database::new().await else {
        return;
    };
    let notifications = Arc::new(Notifications::new());
    let here = Arc::new(database.heard(notifications.clone()).await);
    let cached = Cached::shared(here.clone(), 100, notifications.clone());
    let there = database.open().await;
    there.apply(put("/a")).await.expect("put");
    eventually("notifications", async || notifications.is_recent()).await;
    for owner in ["bob", "carol", "dave"] {
        // News of an earlier change may still be on their way.
        eventually("it to be remembered", async || {
            cached.get(&path("/a")).await.expect("read").expect("there");
            cached.peek(&path("/a")).is_some()
        })
        .await;
        there
            .apply(vec![Change::Put(record("/a", owner))])
            .await
            .expect("put");
        let committed = Instant::now();
        eventually("the change to be heard", async || {
            let asked = committed.elapsed();
            let found = cached.get(&path("/a")).await.expect("read").expect("there");
            assert!(
                found.owner == owner || asked <= STALE_AT_MOST,
                "{asked:?} later it was as before"
            );
            found.owner == owner
        })
        .await;
    }
    let tombstones = notifications.tombstones();
    there
        .apply(vec![Change::Begin([1; 16], tombstone("/x"))])
        .await
        .expect("begun");
    eventually("a tombstone to be heard of", async || {
        tombstones.has_changed().expect("open")
    })
    .await;
    // Too much for one message.
    let long = format!("/{}", "x".repeat(200));
    cached.get(&path("/a")).await.expect("read").expect("there");
    let many = (0..60).map(|number| {
        Change::Put(record(
            &format!("{long}/{}{number}", "y".repeat(150)),
            "alice",
        ))
    });
    there
        .apply(many.chain(put("/a")).collect())
        .await
        .expect("put");
    eventually("everything to be forgotten", async || {
        cached.peek(&path("/a")).is_none()
    })
    .await;
    here.close().await;
    eventually("the notifications to be old", async || {
        !notifications.is_recent()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_fails_what_is_asked_and_is_used_again_when_it_is_back() {
    let Some(mut server) = servers::Postgres::own() else {
        return;
    };
    let notifications = Arc::new(Notifications::new());
    let store = PostgresStore::open(&server.database(), 3, notifications.clone())
        .await
        .expect("opened");
    let _claim = store.claim(true).await.expect("nobody else is there");
    store.apply(put("/kept")).await.expect("put");
    server.stop();
    let start = Instant::now();
    for _ in 0..2 {
        let refused = store
            .apply(put("/lost"))
            .await
            .expect_err("nobody is there");
        assert!(
            is_unavailable(&refused) && refused.message().contains("PostgreSQL at 127.0.0.1"),
            "{refused}"
        );
        assert!(is_unavailable(
            &store
                .get(&path("/kept"))
                .await
                .expect_err("nobody is there")
        ));
        assert!(is_unavailable(
            &store.ready().await.expect_err("nobody is there")
        ));
    }
    assert!(start.elapsed() < 7 * PATIENCE, "{:?}", start.elapsed());
    eventually("the notifications to be old", async || {
        !notifications.is_recent()
    })
    .await;
    server.start();
    eventually("the store to be ready", async || {
        store.ready().await.is_ok()
    })
    .await;
    store.apply(put("/new")).await.expect("put");
    assert!(store.get(&path("/kept")).await.expect("read").is_some());
    eventually("notifications", async || notifications.is_recent()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_claimed_by_one_alone_or_by_many_together() {
    let Some(database) = Database::new().await else {
        return;
    };
    let one = database.open().await;
    let two = database.open().await;
    let together = one.claim(false).await.expect("free");
    let also = two.claim(false).await.expect("together");
    let refused = two.claim(true).await.err().expect("others are there");
    assert!(
        refused
            .message()
            .contains("another gateway uses the metadata store"),
        "{refused}"
    );
    drop((together, also));
    let _alone = two.claim(true).await.expect("free");
    one.claim(false).await.err().expect("claimed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_changed_while_another_gateway_has_the_claim() {
    let Some(database) = Database::new().await else {
        return;
    };
    let one = database.open().await;
    let two = database.open().await;
    let _lost = one.claim(true).await.expect("free");
    one.apply(put("/kept")).await.expect("put");
    // The connection of the claim ends, and another gateway is quicker.
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())",
    )
    .execute(&mut database.connection().await)
    .await
    .expect("ended");
    let taken = two.claim(true).await.expect("free again");
    eventually("changes to be refused", async || {
        let refused = one.apply(put("/refused")).await;
        refused.is_err_and(|error| error.message().contains("was lost"))
    })
    .await;
    assert!(is_unavailable(&one.ready().await.expect_err("not claimed")));
    // Asked before an object is changed, so that none is whose record cannot follow.
    assert!(is_unavailable(&one.may_change().expect_err("not claimed")));
    two.may_change().expect("claimed");
    assert!(one.get(&path("/kept")).await.expect("read").is_some());
    two.apply(put("/theirs")).await.expect("put");
    drop(taken);
    eventually("changes to go on", async || {
        one.apply(put("/again")).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_change_that_its_caller_left_is_carried_out() {
    use futures_util::FutureExt;
    let Some(database) = Database::new().await else {
        return;
    };
    let store = database.open().await;
    let mut change = store.apply(put("/a"));
    assert!((&mut change).now_or_never().is_none());
    drop(change);
    store.close().await;
    assert!(
        database
            .open()
            .await
            .get(&path("/a"))
            .await
            .expect("read")
            .is_some()
    );
    let closed = |error: Error| error.kind() == ErrorKind::NotReady;
    assert!(store.get(&path("/a")).await.is_err_and(closed));
    assert!(store.apply(put("/a")).await.is_err_and(closed));
    assert!(store.ready().await.is_err_and(closed));
}

#[tokio::test]
async fn every_scan_is_one_range() {
    let Some(database) = Database::new().await else {
        return;
    };
    let store = database.open().await;
    for tens in 0..20 {
        let changes =
            (0..250).map(|number| Change::Put(record(&format!("/{tens}/{number}"), "alice")));
        store.apply(changes.collect()).await.expect("put");
    }
    let mut connection = database.connection().await;
    sqlx::query("ANALYZE")
        .execute(&mut connection)
        .await
        .expect("counted");
    for (name, parameters, statement, values) in [
        (
            "children",
            "bigint, bytea, bytea, bigint",
            scan::CHILDREN,
            "2, '/1/', '/10', 10",
        ),
        (
            "between",
            "bytea, bytea, bigint",
            scan::BETWEEN,
            "'/1/', '/10', 10",
        ),
        ("record", "bytea", scan::RECORD, "'/1/1'"),
        (
            "remove_below",
            "bytea, bytea",
            changes::REMOVE_BELOW,
            "'/1/', '/10'",
        ),
        (
            "rename_below",
            "bytea, int, bigint, bigint, bytea, bytea",
            changes::RENAME_BELOW,
            "'/x', 3, 0, 1, '/1/', '/10'",
        ),
    ] {
        let run = async |connection: &mut sqlx::PgConnection, statement: String| {
            let lines: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(statement))
                .fetch_all(connection)
                .await
                .expect("explained");
            lines.join("\n")
        };
        run(
            &mut connection,
            format!("PREPARE {name} ({parameters}) AS {statement}"),
        )
        .await;
        let plan = run(
            &mut connection,
            format!("EXPLAIN EXECUTE {name} ({values})"),
        )
        .await;
        assert!(
            plan.contains("Index") && !plan.contains("Seq Scan"),
            "{name}:\n{plan}"
        );
        let sorts = |step: &str| step.contains("Sort  (") && !step.contains("Incremental Sort  (");
        assert!(!plan.lines().any(sorts), "{name}:\n{plan}");
    }
}

#[tokio::test]
async fn says_what_is_wrong_and_tells_no_password() {
    let Some(server) = servers::Postgres::shared() else {
        return;
    };
    let url = server.database();
    let opened = async |url: &str| {
        let error = PostgresStore::open(url, 3, Arc::default())
            .await
            .err()
            .expect("refused");
        assert!(
            !format!("{error} {:?}", error.causes()).contains("s3cret"),
            "{error}"
        );
        error.message().to_owned()
    };
    let (host, database) = url.rsplit_once('/').expect("a database");
    assert!(
        opened(&format!("{host}/nothing_{database}"))
            .await
            .contains("does not exist; make the database first")
    );
    assert!(
        opened("postgres://me:s3cret@127.0.0.1:1/x")
            .await
            .contains("cannot be reached; see that it runs")
    );
    assert!(
        opened("postgres://me:s3cret@:x:/")
            .await
            .contains("is not one of PostgreSQL")
    );
    assert!(
        opened("postgres://me@127.0.0.1/x?pasword=s3cret")
            .await
            .contains("the parameter 'pasword'")
    );
    if std::env::var_os("CALLFS_TEST_POSTGRES_URL").is_none() {
        assert!(
            opened(&format!("{url}?sslmode=require"))
                .await
                .contains("TLS"),
            "the throwaway server has none"
        );
    }
    PostgresStore::open(&url, 3, Arc::default())
        .await
        .expect("opened")
        .close()
        .await;
    let mut connection = server::connect(&server::options(&url).expect("good"))
        .await
        .expect("connected");
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (9000, 'from the future', TRUE, '', 0)";
    sqlx::query(newer)
        .execute(&mut connection)
        .await
        .expect("written");
    assert!(opened(&url).await.contains("schema 9000, which is newer"));
}

#[tokio::test]
async fn brings_a_schema_up_to_date_and_keeps_what_is_in_it() {
    let Some(place) = Database::new().await else {
        return;
    };
    let mut connection = place.connection().await;
    let migrations = sqlx::migrate!("migrations/postgres");
    migrations
        .run_to(4, &mut connection)
        .await
        .expect("the schema before objects");
    let rows = "INSERT INTO records (path, depth, owner, \"group\", mode, has_content, etag, \
                revision) VALUES ('/a', 1, 'alice', 'staff', 420, true, 'v1', 1); INSERT INTO \
                intents (id, kind, source, target) VALUES (decode(repeat('01', 16), 'hex'), \
                'discard', '/a', '////////////////')";
    sqlx::raw_sql(rows)
        .execute(&mut connection)
        .await
        .expect("written");
    let store = place.open().await;
    let found = store.get(&path("/a")).await.expect("read").expect("there");
    let content = found.content.as_ref().expect("of a file");
    assert_eq!(
        (content.etag.as_deref(), content.changed),
        (Some("v1"), None)
    );
    assert_eq!((&found.object, &found.next), (&None, &None));
    assert_eq!(
        store.intents().await.expect("read"),
        [([1; 16], tombstone("/a"))]
    );
}

#[tokio::test]
async fn paths_may_be_as_long_as_they_may_be_and_nobody_fails_the_others() {
    let Some(database) = Database::new().await else {
        return;
    };
    let store = database.open().await;
    // Random, so that no compression makes them fit where they would not.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut name = || {
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'0' + (state % 75) as u8)
        };
        (0..250)
            .map(|_| random())
            .filter(|c| c.is_ascii_alphanumeric())
            .collect::<String>()
    };
    let mut long = String::new();
    while long.len() < 3_900 {
        long = format!("{long}/{}", name());
    }
    let one = format!("{long}/a");
    let two = format!("{long}/b");
    let (first, second, third) = tokio::join!(
        store.apply([put(&two), put(&one)].concat()),
        store.apply(vec![Change::Put(record("/nul", "al\0ice"))]),
        store.apply(put("/other")),
    );
    first.and(third).expect("put");
    assert_eq!(second.expect_err("no text").kind(), ErrorKind::BadRequest);
    let names = |records: Vec<Record>| {
        records
            .iter()
            .map(|record| record.path.name().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(store.children(&path(&long), None, 9).await.expect("listed")),
        ["a", "b"]
    );
    assert_eq!(
        names(
            store
                .children(&path(&long), Some("a"), 9)
                .await
                .expect("listed")
        ),
        ["b"]
    );
    assert_eq!(
        names(store.records(&path(&one), None, 9).await.expect("scanned")),
        ["a"]
    );
    let renamed = vec![
        Change::Rename {
            from: path(&long),
            to: path("/x"),
        },
        Change::Put(record(&one, "bob")),
    ];
    store.apply(renamed).await.expect("moved");
    assert_eq!(
        store
            .get(&path("/x/a"))
            .await
            .expect("read")
            .expect("there")
            .owner,
        "alice"
    );
    assert_eq!(
        store
            .get(&path(&one))
            .await
            .expect("read")
            .expect("there")
            .owner,
        "bob"
    );
    store
        .apply(vec![Change::RemoveTree(path(&long))])
        .await
        .expect("removed");
    assert!(store.get(&path(&one)).await.expect("read").is_none());
}
