//! Reads of the metadata store.

use std::path::Path;
use std::sync::Arc;

use callfs_model::error::Result;
use callfs_model::metadata::{Intent, IntentId, Link, LinkId, Record};
use callfs_model::path::FilePath;
use rusqlite::params;

use super::file::{row, rows};
use super::pool::ReadPool;
use super::scan::{CHILDREN, RECORD, RECORDS};
use crate::sql::{COLUMNS, IntentRow, LinkRow, SqlRow, below, depth};

/// What reads one file.
pub(crate) struct Readers(ReadPool);

impl Readers {
    pub(super) fn open(file: &Path) -> rusqlite::Result<Self> {
        ReadPool::open(file).map(Self)
    }

    pub(crate) async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        let path = path.clone();
        let found = self.0.glance(move |connection| {
            row(connection, RECORD, [path.as_str().as_bytes()], SqlRow::of)
        });
        let found = found.await?;
        found.map(|row| row.record().map(Arc::new)).transpose()
    }

    pub(crate) async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let depth = depth(directory) + 1;
        let (mut lower, upper) = below(directory);
        lower.extend_from_slice(after.unwrap_or_default().as_bytes());
        let read = self.0.read(move |connection| {
            let values = params![depth, lower, upper, limit];
            rows(connection, CHILDREN, values, SqlRow::of)
        });
        read.await?.into_iter().map(SqlRow::record).collect()
    }

    pub(crate) async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let (lower, upper) = below(within);
        let within = within.clone();
        let after = after.map(|after| after.as_str().as_bytes().to_vec());
        let read = self.0.read(move |connection| {
            let after = after.unwrap_or_default();
            let lower = lower.max(after.clone());
            let values = params![within.as_str().as_bytes(), after, lower, upper, limit];
            rows(connection, RECORDS, values, SqlRow::of)
        });
        read.await?.into_iter().map(SqlRow::record).collect()
    }

    pub(crate) async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        let list = "SELECT id, kind, source, target FROM intents ORDER BY position";
        let read = self
            .0
            .read(|connection| rows(connection, list, [], IntentRow::of));
        read.await?.into_iter().map(IntentRow::intent).collect()
    }

    pub(crate) async fn link_by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        self.link("token_sha256", token_sha256.to_vec()).await
    }

    pub(crate) async fn link_by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        self.link("id", id.to_vec()).await
    }

    async fn link(&self, column: &str, key: Vec<u8>) -> Result<Option<Link>> {
        let find = format!("SELECT {COLUMNS} FROM links WHERE {column} = ?");
        let found = self
            .0
            .glance(move |connection| row(connection, &find, [&key], LinkRow::of));
        found.await?.map(LinkRow::link).transpose()
    }

    pub(crate) async fn links(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        let after = after.map(|id| id.to_vec()).unwrap_or_default();
        let of_maker = maker.map_or("", |_| "maker = ?3 AND ");
        let list =
            format!("SELECT {COLUMNS} FROM links WHERE {of_maker}id > ?1 ORDER BY id LIMIT ?2");
        let maker = maker.map(str::to_owned);
        let read = self.0.read(move |connection| match maker {
            Some(maker) => rows(connection, &list, params![after, limit, maker], LinkRow::of),
            None => rows(connection, &list, params![after, limit], LinkRow::of),
        });
        read.await?.into_iter().map(LinkRow::link).collect()
    }

    /// Whether the file answers.
    pub(crate) async fn answer(&self) -> Result<()> {
        let last = self
            .0
            .glance(|connection| connection.query_row("SELECT last FROM revision", [], |_| Ok(())));
        last.await
    }

    /// Waits for reads that run, and takes no more.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}
