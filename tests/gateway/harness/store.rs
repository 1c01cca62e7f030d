//! The stores that a metadata store can be in, each on a real server.

use callfs_test_servers::{Postgres, Redis, unique};

use super::{Gateway, Mount, Setup};

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Store {
    Sqlite,
    Postgres,
    Redis,
    Raft,
}

/// A test of each behaviour on each store; where the server of one is missing, its tests say so.
macro_rules! on_every_store {
    ($($behaviour:ident)*) => {
        mod sqlite { $crate::harness::on_every_store!(Sqlite: $($behaviour)*); }
        mod postgres { $crate::harness::on_every_store!(Postgres: $($behaviour)*); }
        mod redis { $crate::harness::on_every_store!(Redis: $($behaviour)*); }
        mod raft { $crate::harness::on_every_store!(Raft: $($behaviour)*); }
    };
    ($store:ident: $($behaviour:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $behaviour() {
                if let Some(index) = $crate::harness::Store::$store.metadata() {
                    super::$behaviour(index).await;
                }
            }
        )*
    };
}
pub(crate) use on_every_store;

impl Store {
    /// The lines that configure a metadata store of its own, which nobody else uses; none if this
    /// machine has no such server.
    pub(crate) fn metadata(self) -> Option<String> {
        Some(match self {
            Self::Sqlite => {
                "[metadata]\nstore = \"sqlite\"\nurl = \"sqlite:$DIR/metadata.db\"\n".into()
            }
            Self::Postgres => postgres(&Postgres::shared()?.database()),
            Self::Redis => redis(Redis::shared()?.url()),
            Self::Raft => raft(callfs_test_servers::free_port(), true),
        })
    }
}

/// The lines for a database.
pub(crate) fn postgres(url: &str) -> String {
    format!("[metadata]\nstore = \"postgres\"\nurl = \"{url}\"\nconnections = 4\n")
}

/// The lines for a server, with a prefix that nobody else has.
pub(crate) fn redis(url: &str) -> String {
    format!(
        "[metadata]\nstore = \"redis\"\nurl = \"{url}\"\nprefix = \"{}\"\n",
        unique()
    )
}

/// The lines for a node of a cluster.
pub(crate) fn raft(port: u16, bootstrap: bool) -> String {
    format!(
        "[metadata]\nstore = \"raft\"\n[raft]\nlisten = \"127.0.0.1:{port}\"\ndir = \
         \"$DIR/raft\"\nbootstrap = {bootstrap}\n[cluster]\nsecret = \"the secret of the nodes of \
         this cluster\"\n"
    )
}

/// The lines for locks that several gateways share, with a prefix that nobody else has.
pub(crate) fn shared_locks(url: &str) -> String {
    format!(
        "[locks]\nmanager = \"redis\"\nurl = \"{url}\"\nprefix = \"{}\"\nlease = \"4s\"\n",
        unique()
    )
}

impl Setup {
    /// `localfs` at `/` and `flat` at `/flat`, on this metadata store.
    pub(crate) fn on(index: &str) -> Self {
        Self::flat().metadata(index)
    }

    /// The same with the folders of another gateway.
    pub(crate) fn beside(first: &Gateway, index: &str) -> Self {
        let mount = |path: &str, component: &str, folder: &str| {
            let host = first.path(folder).display().to_string();
            let grant = format!(
                r#"grants.directories = [
  {{ host = "{host}", guest = "/", access = "read-write" }}
]"#
            );
            Mount::new(path, component).with(&grant)
        };
        let setup = Self::default()
            .plugin("flat", callfs_test_components::FLAT)
            .metadata(index);
        setup
            .mount(mount("/", "localfs", "files"))
            .mount(mount("/flat", "flat", "second"))
    }
}
