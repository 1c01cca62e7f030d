//! Reads of the metadata store: a few read-only connections, each of which sees the last commit.

use std::sync::Arc;

use callfs_model::error::Result;
use callfs_model::metadata::{Intent, IntentId, Link, LinkId, Record};
use callfs_model::path::FilePath;
use sqlx::{AssertSqlSafe, SqlitePool};

use super::failure::failed;
use super::scan::{CHILDREN, RECORDS};
use crate::sql::{COLUMNS, IntentRow, LinkRow, SqlRow, below, depth};

/// What reads one file; a clone reads the same.
#[derive(Clone)]
pub(crate) struct Readers(SqlitePool);

impl Readers {
    pub(super) fn new(pool: SqlitePool) -> Self {
        Self(pool)
    }

    pub(crate) async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        let row: Option<SqlRow> = sqlx::query_as("SELECT * FROM records WHERE path = ?")
            .bind(path.as_str().as_bytes())
            .fetch_optional(&self.0)
            .await
            .map_err(failed)?;
        row.map(|row| row.record().map(Arc::new)).transpose()
    }

    pub(crate) async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let (mut lower, upper) = below(directory);
        lower.extend_from_slice(after.unwrap_or_default().as_bytes());
        let rows: Vec<SqlRow> = sqlx::query_as(CHILDREN)
            .bind(depth(directory) + 1)
            .bind(lower)
            .bind(upper)
            .bind(limit)
            .fetch_all(&self.0)
            .await
            .map_err(failed)?;
        rows.into_iter().map(SqlRow::record).collect()
    }

    pub(crate) async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let (lower, upper) = below(within);
        let after = after.map_or(&b""[..], |after| after.as_str().as_bytes());
        let rows: Vec<SqlRow> = sqlx::query_as(RECORDS)
            .bind(within.as_str().as_bytes())
            .bind(after)
            .bind(lower.as_slice().max(after))
            .bind(upper)
            .bind(limit)
            .fetch_all(&self.0)
            .await
            .map_err(failed)?;
        rows.into_iter().map(SqlRow::record).collect()
    }

    pub(crate) async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        let rows: Vec<IntentRow> =
            sqlx::query_as("SELECT id, kind, source, target FROM intents ORDER BY position")
                .fetch_all(&self.0)
                .await
                .map_err(failed)?;
        rows.into_iter().map(IntentRow::intent).collect()
    }

    pub(crate) async fn link_by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        self.link("token_sha256", token_sha256).await
    }

    pub(crate) async fn link_by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        self.link("id", id).await
    }

    async fn link(&self, column: &str, key: &[u8]) -> Result<Option<Link>> {
        let find = AssertSqlSafe(format!("SELECT {COLUMNS} FROM links WHERE {column} = ?"));
        let row: Option<LinkRow> = sqlx::query_as(find)
            .bind(key)
            .fetch_optional(&self.0)
            .await
            .map_err(failed)?;
        row.map(LinkRow::link).transpose()
    }

    pub(crate) async fn links(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        let after = after.map_or(&[][..], |id| id);
        let of_maker = if maker.is_some() {
            "maker = ? AND "
        } else {
            ""
        };
        let list = AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM links WHERE {of_maker}id > ? ORDER BY id LIMIT ?"
        ));
        let list = sqlx::query_as(list);
        let list = if let Some(maker) = maker {
            list.bind(maker)
        } else {
            list
        };
        let rows: Vec<LinkRow> = list
            .bind(after)
            .bind(limit)
            .fetch_all(&self.0)
            .await
            .map_err(failed)?;
        rows.into_iter().map(LinkRow::link).collect()
    }

    /// Whether the file answers.
    pub(crate) async fn answer(&self) -> Result<()> {
        sqlx::query("SELECT last FROM revision")
            .fetch_one(&self.0)
            .await
            .map_err(failed)?;
        Ok(())
    }

    /// What SQLite finds wrong with the file: `ok` if that is nothing. It reads all of it.
    pub(super) async fn check(&self) -> Result<String, sqlx::Error> {
        sqlx::query_scalar("PRAGMA quick_check(1)")
            .fetch_one(&self.0)
            .await
    }

    /// Waits for reads that run, and takes no more.
    pub(crate) async fn close(&self) {
        self.0.close().await;
    }
}
