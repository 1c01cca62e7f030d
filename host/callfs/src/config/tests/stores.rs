//! What `[metadata]` and `[locks]` may say.

use super::*;

#[test]
fn what_makes_no_sense_is_told_with_what_would() {
    for (lines, error) in [
        (
            "metadata.store = 'mysql'",
            "metadata.store: unknown value 'mysql'; possible values: sqlite, postgres, redis, raft",
        ),
        (
            "metadata = { store = 'postgres', url = 'sqlite:x' }",
            "metadata.url: 'sqlite:x' is not the URL of such a server",
        ),
        (
            "metadata.connections = 3",
            "metadata.connections: is for store = \"postgres\" alone",
        ),
        (
            "metadata = { store = 'redis', url = 'redis://x', prefix = 'a{b' }",
            "metadata.prefix: 'a{b' is no prefix",
        ),
        (
            "metadata = { store = 'postgres', url = 'postgres://x/y', connections = 0 }",
            "metadata.connections: 0 is not",
        ),
        (
            "locks.manager = 'redis'",
            "locks.url: missing; say where the lock server is",
        ),
        (
            "locks.lease = '9s'",
            "locks.lease: is for manager = \"redis\" alone",
        ),
        (
            "locks = { manager = 'redis', url = 'redis://x', lease = '9ms' }",
            "locks.lease: is shorter than a second",
        ),
        (
            "locks = { manager = 'redis', url = 'http://a:p4ss@x' }",
            "locks.url: 'http://a:***@x' is not the URL of such",
        ),
        (
            "metadata.url = 'postgres://x'",
            "metadata.url: 'postgres://x' is not a file of SQLite",
        ),
        (
            "cluster.secret = '01234567890123456789012345678901'",
            "cluster: is for metadata.store",
        ),
        (
            "metadata.store = 'raft'",
            "metadata.store: is \"raft\", and there is no section [raft]",
        ),
        (
            "raft = { listen = '127.0.0.1:1', dir = 'x' }",
            "cluster.secret: missing; the nodes of a cluster",
        ),
        (
            "raft = { listen = '0.0.0.0:1', dir = 'x' }",
            "raft.advertise: missing; say where the other nodes",
        ),
        (
            "raft = { listen = '127.0.0.1:1', dir = 'x', advertise = 'http://x' }",
            "raft.advertise: 'http://x' is not where",
        ),
        (
            "raft = { listen = '127.0.0.1:1', dir = 'x' }\ncluster.secret = 'short'",
            "cluster.secret: is shorter than 32 characters",
        ),
        (
            "raft = { listen = '127.0.0.1:1', dir = 'x' }\ncluster.secret = \
             '01234567890123456789012345678901'",
            "raft: is for metadata.store = \"raft\"",
        ),
    ] {
        let found = refused(lines);
        assert!(
            found.starts_with(&format!("callfs.toml: {error}")),
            "{lines}: {found}"
        );
    }
}

#[test]
fn each_store_and_manager_has_what_it_needs() {
    let config = |lines: &str| {
        Place::new()
            .with("callfs.toml", &format!("{lines}\n{REST}"))
            .config()
    };
    let postgres = config(
        "metadata = { store = 'postgres', url = 'postgresql://u:p4ss@h/d', connections = 3 }",
    )
    .metadata;
    assert!(matches!(
        &postgres,
        MetadataStore::Postgres { url, connections: 3 } if url.as_str().ends_with("p4ss@h/d")
    ));
    assert!(!format!("{postgres:?}").contains("p4ss"));
    let redis = config("metadata = { store = 'redis', url = 'rediss://h/1' }").metadata;
    assert!(matches!(redis, MetadataStore::Redis { prefix, .. } if prefix == "callfs"));
    let locks =
        config("locks = { manager = 'redis', url = 'redis://h', prefix = 'a:b', lease = '3s' }")
            .locks;
    assert!(matches!(
        locks.manager,
        LockManager::Redis { prefix, lease, .. } if prefix == "a:b" && lease.as_secs() == 3
    ));
}

#[test]
fn a_node_of_a_cluster_has_a_secret_that_is_not_shown() {
    let lines = "metadata.store = 'raft'\ncluster.secret = 'a secret of thirty-two \
                 characters'\nraft = { listen = '0.0.0.0:7000', advertise = 'a.internal:7000', \
                 dir = 'x', bootstrap = true }";
    let place = Place::new().with("callfs.toml", &format!("{lines}\n{REST}"));
    let MetadataStore::Raft(node) = place.config().metadata else {
        panic!("another store")
    };
    assert_eq!(
        (node.advertise.as_deref(), node.bootstrap),
        (Some("a.internal:7000"), true)
    );
    let shown = format!("{}{node:?}", place.show());
    assert!(
        !shown.contains("thirty-two") && shown.contains("a.internal:7000"),
        "{shown}"
    );
}

#[test]
fn a_node_of_a_cluster_keeps_its_data_with_the_rest_unless_told_otherwise() {
    for (dir, kept) in [("", "callfs-data/raft"), (", dir = 'x'", "x")] {
        let lines = format!(
            "metadata.store = 'raft'\ncluster.secret = 'a secret of thirty-two characters'\n\
             raft = {{ listen = '127.0.0.1:7000'{dir} }}\n{REST}"
        );
        let MetadataStore::Raft(node) = Place::new().with("callfs.toml", &lines).config().metadata
        else {
            panic!("another store")
        };
        assert_eq!(node.dir, std::path::Path::new(kept));
    }
}

#[test]
fn a_url_may_be_kept_elsewhere_and_is_never_shown_with_its_password() {
    let lines = "metadata = { store = 'postgres', url = { env = 'DATABASE' } }\nlocks = { manager \
                 = 'redis', url = 'redis://:p4ss@h/1' }";
    let place = Place::new().with("callfs.toml", &format!("{lines}\n{REST}"));
    let place = place.with_variable("DATABASE", "postgres://u:s3cret@h/d");
    assert!(matches!(
        place.config().metadata,
        MetadataStore::Postgres { url, .. } if url.as_str().contains("s3cret")
    ));
    let shown = place.show();
    assert!(
        !shown.contains("s3cret") && !shown.contains("p4ss"),
        "{shown}"
    );
    assert!(
        shown.contains("from the variable DATABASE") && shown.contains("redis://:***@h/1"),
        "{shown}"
    );
    assert!(refused(lines).contains("metadata.url: the variable DATABASE is not set"));
}
