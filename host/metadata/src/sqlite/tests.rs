use callfs_model::metadata::{Link, LinkOptions, LinkStore, MakerRights};

use super::*;
use crate::suite::{Folder, Place, link_suite, metadata_suite, path, record, tombstone};

impl Place for Folder {
    type Store = SqliteStore;

    async fn new() -> Option<Self> {
        Some(Folder::new())
    }

    async fn open(&self) -> SqliteStore {
        self.sqlite().await
    }
}

metadata_suite!(Folder);
link_suite!(Folder);

fn connect(folder: &Folder) -> Connection {
    Connection::open(folder.file()).expect("opened")
}

/// Carries out statements beside the store.
fn execute(folder: &Folder, statements: &str) {
    connect(folder).execute_batch(statements).expect(statements);
}

#[tokio::test]
async fn refuses_a_newer_schema_and_a_file_of_another_kind() {
    let folder = Folder::new();
    folder.sqlite().await.close().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                 execution_time) VALUES (9000, 'from the future', TRUE, x'00', 0)";
    execute(&folder, newer);
    let error = SqliteStore::open(&folder.url())
        .await
        .err()
        .expect("refused");
    assert!(
        error.message().contains("schema 9000, which is newer"),
        "{error}"
    );

    let folder = Folder::new();
    std::fs::write(folder.file(), "dear diary, ".repeat(1000)).expect("written");
    let error = SqliteStore::open(&folder.url())
        .await
        .err()
        .expect("refused");
    assert!(
        error.message().contains("is not an SQLite database"),
        "{error}"
    );
}

#[tokio::test]
async fn records_its_schema_as_sqlx_did() {
    let folder = Folder::new();
    folder.sqlite().await.close().await;
    let list = "SELECT version || ' ' || description || ' ' || length(checksum) || ' ' || \
                hex(substr(checksum, 1, 8)) FROM _sqlx_migrations WHERE success ORDER BY version";
    let recorded: rusqlite::Result<Vec<String>> = connect(&folder)
        .prepare(list)
        .and_then(|mut list| list.query_map([], |row| row.get(0))?.collect());
    let by_sqlx = [
        "1 records 48 A040ECE52D6E02D1",
        "2 modified 48 A6EBB2EDB1D24080",
        "3 links 48 A1B7AD5AF48A8CBF",
        "4 fences 48 7D6CCFA43CEE96F2",
        "7 link rights 48 32B9002265E69A32",
        "8 objects 48 845060CFCDCB9444",
        "9 link options 48 2B15704367D9A092",
    ];
    assert_eq!(recorded.expect("read"), by_sqlx);
}

#[tokio::test]
async fn a_malformed_file_is_refused_with_its_name_and_the_way_out() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 4] = [
        ("its second half is gone", |bytes| {
            bytes.truncate(bytes.len() / 2)
        }),
        ("every page but the first is zero", |bytes| {
            bytes[4096..].fill(0)
        }),
        ("every page but the first is noise", |bytes| {
            let noise = (0u8..=255).cycle();
            bytes[4096..]
                .iter_mut()
                .zip(noise)
                .for_each(|(at, noise)| *at = noise);
        }),
        ("the schema is noise", |bytes| bytes[200..4096].fill(0x5a)),
    ];
    for (what, damage) in damages {
        let folder = Folder::new();
        let store = folder.sqlite().await;
        let records = (0..500).map(|n| Change::Put(record(&format!("/{n}"), "alice")));
        store.apply(records.collect()).await.expect("recorded");
        store.close().await;
        let mut bytes = std::fs::read(folder.file()).expect("there");
        damage(&mut bytes);
        std::fs::write(folder.file(), bytes).expect("written");
        let error = SqliteStore::open(&folder.url()).await.err().expect(what);
        let message = error.message();
        assert!(
            message.contains("is malformed") && message.contains("callfs metadata import"),
            "{what}: {message}"
        );
        assert!(
            message.contains(&folder.file().display().to_string()),
            "{message}"
        );
    }

    let folder = Folder::new();
    folder.sqlite().await.close().await;
    execute(&folder, "DROP TABLE revision");
    let error = SqliteStore::open(&folder.url())
        .await
        .err()
        .expect("refused");
    assert!(error.message().contains("is malformed"), "{error}");
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_refused_with_its_place_and_the_way_out() {
    for (damage, row) in [
        (
            "UPDATE records SET path = x'2F7AFF'",
            "records WHERE path = x'2f7aff'",
        ),
        (
            "UPDATE records SET owner = CAST(x'FF' AS TEXT)",
            "records WHERE path = x'2f61'",
        ),
        (
            "UPDATE records SET mode = -1",
            "records WHERE path = x'2f61'",
        ),
        (
            "UPDATE intents SET source = x'FF'",
            "intents WHERE id = x'01010101010101010101010101010101'",
        ),
        (
            "INSERT INTO links (id, token_sha256, path, maker, created, expires, max_uses, spent, \
             uses, kept_until, revision) VALUES (zeroblob(16), zeroblob(32), x'2FFF', 'alice', 0, \
             0, 1, 0, '[]', 0, 1)",
            "links WHERE id = x'00000000000000000000000000000000'",
        ),
    ] {
        let folder = Folder::new();
        let store = folder.sqlite().await;
        let changes = vec![
            Change::Put(record("/a", "alice")),
            Change::Begin([1; 16], tombstone("/a")),
        ];
        store.apply(changes).await.expect("recorded");
        store.close().await;
        execute(&folder, damage);
        let error = SqliteStore::open(&folder.url()).await.err().expect(damage);
        let file = folder.file().display().to_string();
        let file = file.as_str();
        for part in [
            "is malformed",
            "backup",
            "callfs metadata import",
            file,
            row,
        ] {
            let message = error.message();
            assert!(message.contains(part), "{damage}: no {part} in {message}");
        }
        // The way out is one.
        execute(&folder, &format!("DELETE FROM {row}"));
        folder.sqlite().await;
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_written_is_refused_with_its_name_and_the_way_out() {
    let folder = Folder::new();
    let store = folder.sqlite().await;
    let put = vec![Change::Put(record("/a", "alice"))];
    store.apply(put.clone()).await.expect("recorded");
    store.check_writable().await.expect("it can");
    assert!(store.intents().await.expect("read").is_empty());
    store.close().await;
    let mut bytes = std::fs::read(folder.file()).expect("there");
    // A format that only a later SQLite may write.
    bytes[18] = 9;
    std::fs::write(folder.file(), bytes).expect("written");
    let store = folder.sqlite().await;
    store.apply(put).await.expect_err("read-only");
    assert!(store.get(&path("/a")).await.expect("read").is_some());
    let error = store.check_writable().await.expect_err("read-only");
    let file = folder.file().display().to_string();
    let file = file.as_str();
    for part in ["cannot be written", "read-write", "backup", file] {
        assert!(error.message().contains(part), "no {part} in {error}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_written_is_not_ready_until_it_can_be() {
    let folder = Folder::new();
    let mut store = folder.sqlite().await;
    let impatient = connect(&folder);
    let none = std::time::Duration::ZERO;
    impatient.busy_timeout(none).expect("set");
    let writer = SqliteWriter::new(impatient);
    store.failing = writer.failing();
    store.queue = CommitQueue::on_thread(writer).expect("a thread");
    store.ready().await.expect("it can be written");
    let other = connect(&folder);
    other.execute_batch("BEGIN IMMEDIATE").expect("locked");
    let put = vec![Change::Put(record("/a", "alice"))];
    store.apply(put.clone()).await.expect_err("locked");
    for _ in 0..2 {
        let error = store.ready().await.expect_err("locked");
        assert!(error.kind().is_retryable(), "{error}");
    }
    other.execute_batch("COMMIT").expect("unlocked");
    store.ready().await.expect("it can be written again");
    store.apply(put).await.expect("recorded");
}

#[tokio::test]
async fn brings_a_schema_up_to_date_and_keeps_what_is_in_it() {
    let folder = Folder::new();
    let first_release = &schema::MIGRATIONS.migrations[..1];
    schema::migrate(&mut connect(&folder), first_release, &folder.file()).expect("migrated");
    let put = "INSERT INTO records (path, depth, owner, \"group\", mode, has_content, etag, \
               content_type, sha256, revision) VALUES (CAST('/a' AS BLOB), 1, 'alice', 'staff', \
               420, TRUE, 'v1', 'text/x-a', NULL, 1)";
    execute(&folder, put);
    let begin = "INSERT INTO intents (id, kind, source, target) VALUES (zeroblob(16), 'discard', \
                 CAST('/a' AS BLOB), CAST('////////////////' AS BLOB)), (randomblob(16), \
                 'discard-inside', CAST('/a' AS BLOB), x'')";
    execute(&folder, begin);
    let store = folder.sqlite().await;
    let found = store.get(&path("/a")).await.expect("read").expect("there");
    let content = found.content.as_ref().expect("of a file");
    assert_eq!(
        (content.etag.as_deref(), content.content_type.as_deref()),
        (Some("v1"), Some("text/x-a"))
    );
    assert_eq!((found.owner.as_str(), content.modified), ("alice", None));
    assert_eq!((content.changed, &found.object), (None, &None));
    assert_eq!(found.next, None);
    let intents = store.intents().await.expect("read");
    assert_eq!(intents[0], ([0; 16], tombstone("/a")));
    let unknown = Intent::Tombstone {
        path: path("/a"),
        inside: true,
        storage: None,
        newest: None,
    };
    assert_eq!(intents[1].1, unknown);
}

#[tokio::test]
async fn a_row_that_nobody_could_have_written_is_told() {
    for damage in [
        "UPDATE records SET object = 'a5:12'",
        "UPDATE records SET next = '{}'",
        "UPDATE intents SET target = zeroblob(15)",
        "UPDATE intents SET target = zeroblob(20)",
        "UPDATE intents SET kind = 'mounted', target = x''",
    ] {
        let folder = Folder::new();
        let store = folder.sqlite().await;
        let changes = vec![
            Change::Put(record("/a", "alice")),
            Change::Begin([1; 16], tombstone("/a")),
        ];
        store.apply(changes).await.expect("recorded");
        execute(&folder, damage);
        let record = store.get(&path("/a")).await.map(drop);
        let error = record.and(store.intents().await.map(drop));
        let causes = format!("{:?}", error.expect_err(damage).causes());
        assert!(causes.contains("is damaged"), "{damage}: {causes}");
    }
}

#[tokio::test]
async fn an_index_without_links_gets_them() {
    let folder = Folder::new();
    folder.sqlite().await.close().await;
    for statement in [
        "DROP TABLE links",
        "DROP TABLE fences",
        "DELETE FROM _sqlx_migrations WHERE version BETWEEN 3 AND 7 OR version = 9",
    ] {
        execute(&folder, statement);
    }
    let store = folder.sqlite().await;
    assert_eq!(
        callfs_model::metadata::LinkStore::list(&store, None, None, 1)
            .await
            .expect("listed"),
        []
    );
}

#[tokio::test]
async fn links_from_before_the_rights_of_their_makers_and_options_were_recorded_stay() {
    let folder = Folder::new();
    let store = folder.sqlite().await;
    let link = Link {
        id: [1; 16],
        token_sha256: [2; 32],
        path: path("/a"),
        maker: "alice".into(),
        rights: MakerRights {
            admin: true,
            ..MakerRights::default()
        },
        options: LinkOptions {
            inline: true,
            ..LinkOptions::default()
        },
        filename: None,
        created: 1,
        expires: 2,
        max_uses: 3,
        spent: 0,
        uses: Vec::new(),
        revision: 0,
    };
    store.create(link.clone()).await.expect("created");
    store.close().await;
    for statement in [
        "ALTER TABLE links DROP COLUMN rights",
        "ALTER TABLE links DROP COLUMN options",
        "DELETE FROM _sqlx_migrations WHERE version IN (7, 9)",
    ] {
        execute(&folder, statement);
    }
    let store = folder.sqlite().await;
    let found = store.by_id(&link.id).await.expect("read").expect("there");
    let unknown = MakerRights::default();
    assert_eq!(
        found,
        Link {
            rights: unknown,
            options: LinkOptions::default(),
            ..link
        }
    );
}

#[tokio::test]
async fn keeps_its_log_private_and_folds_it_when_it_closes() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let store = folder.sqlite().await;
    store
        .apply(vec![Change::Put(record("/a", "alice"))])
        .await
        .expect("changed");
    let log = folder.file().with_extension("db-wal");
    assert_eq!(
        log.metadata().expect("there").permissions().mode() & 0o777,
        0o600
    );
    store.close().await;
    store.close().await;
    assert!(!log.exists());
    let closed = |error: callfs_model::error::Error| {
        error.kind() == callfs_model::error::ErrorKind::NotReady
    };
    assert!(store.get(&path("/a")).await.is_err_and(closed));
    assert!(
        store
            .apply(vec![Change::Remove(path("/a"))])
            .await
            .is_err_and(closed)
    );
    assert!(store.ready().await.is_err_and(closed));
}

#[tokio::test]
async fn a_change_that_its_caller_left_is_carried_out() {
    use futures_util::FutureExt;
    let folder = Folder::new();
    let store = folder.sqlite().await;
    let mut change = store.apply(vec![Change::Put(record("/a", "alice"))]);
    // The writer, on its thread, may even have answered by now.
    let _ = (&mut change).now_or_never();
    drop(change);
    store.close().await;
    assert!(
        folder
            .sqlite()
            .await
            .get(&path("/a"))
            .await
            .expect("read")
            .is_some()
    );
}

#[tokio::test]
async fn every_scan_is_one_range() {
    let folder = Folder::new();
    folder.sqlite().await.close().await;
    let connection = connect(&folder);
    let scans = [
        (
            scan::CHILDREN,
            "SEARCH records USING INDEX records_by_depth (depth=? AND path>? AND path<?)",
        ),
        (
            changes::REMOVE_BELOW,
            "SEARCH records USING PRIMARY KEY (path>? AND path<?)",
        ),
        (
            changes::RENAME_BELOW,
            "SEARCH records USING PRIMARY KEY (path>? AND path<?)",
        ),
    ];
    let steps = plan(&connection, scan::RECORDS);
    assert!(
        steps
            .iter()
            .all(|step| !step.starts_with("SCAN") && !step.contains("TEMP B-TREE")),
        "{steps:?}"
    );
    for (statement, expected) in scans {
        assert_eq!(plan(&connection, statement), [expected], "{statement}");
    }
}

/// How SQLite would carry out a statement.
fn plan(connection: &Connection, statement: &str) -> Vec<String> {
    let explain = format!("EXPLAIN QUERY PLAN {statement}");
    let mut explain = connection.prepare(&explain).expect("explained");
    let mut steps = explain.raw_query();
    std::iter::from_fn(|| {
        let step = steps.next().expect("explained")?;
        Some(step.get("detail").expect("a text"))
    })
    .collect()
}

#[tokio::test]
async fn a_full_store_says_so_and_works_again_when_it_is_not() {
    let folder = Folder::new();
    let mut store = folder.sqlite().await;
    store.close().await;
    // A limit of the connection, so the writer is given one of its own.
    let tight = connect(&folder);
    tight
        .pragma_update(None, "max_page_count", 20)
        .expect("limited");
    store.queue = CommitQueue::on_thread(SqliteWriter::new(tight)).expect("a thread");
    let big = |name: &str| Change::Put(record(name, &"x".repeat(200_000)));
    let small = |name: &str| Change::Put(record(name, "alice"));
    let full = |error: &callfs_model::error::Error| {
        error.kind() == callfs_model::error::ErrorKind::InsufficientStorage
    };
    // Together in one group, most likely; the small ones fit.
    let (first, second, third) = tokio::join!(
        store.apply(vec![small("/a")]),
        store.apply(vec![small("/b"), big("/big")]),
        store.apply(vec![small("/c")]),
    );
    assert!(second.as_ref().is_err_and(full), "{second:?}");
    first.and(third).expect("room for these");
    let reopened = folder.sqlite().await;
    for (name, there) in [("/a", true), ("/b", false), ("/big", false), ("/c", true)] {
        assert_eq!(
            reopened.get(&path(name)).await.expect("read").is_some(),
            there,
            "{name}"
        );
    }
}

#[tokio::test]
async fn what_it_answered_is_in_its_files() {
    let folder = Folder::new();
    let store = folder.sqlite().await;
    for n in 0..20 {
        store
            .apply(vec![Change::Put(record(&format!("/{n}"), "alice"))])
            .await
            .expect("changed");
        // What a process that ends here leaves behind.
        let crashed = Folder::new();
        std::fs::copy(folder.file(), crashed.file()).expect("copied");
        let log = |folder: &Folder| folder.file().with_extension("db-wal");
        std::fs::copy(log(&folder), log(&crashed)).expect("copied");
        assert!(
            crashed
                .sqlite()
                .await
                .get(&path(&format!("/{n}")))
                .await
                .expect("read")
                .is_some()
        );
    }
}
