//! Links: their rows, and what changes them, in a transaction that somebody else began and will end.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::Sqlite;
use super::changes::Failure;
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::links::LinkChange;
use crate::metadata::sql::{self, damaged};
use crate::metadata::{Link, LinkId, LinkStore};

pub(super) const COLUMNS: &str =
    "id, token_sha256, path, maker, filename, created, expires, max_uses, spent, uses, kept_until, revision";

#[derive(sqlx::FromRow)]
pub(super) struct LinkRow {
    id: Vec<u8>,
    token_sha256: Vec<u8>,
    path: Vec<u8>,
    maker: String,
    filename: Option<String>,
    created: i64,
    expires: i64,
    max_uses: u32,
    spent: u32,
    uses: String,
    revision: i64,
}

impl LinkRow {
    pub(super) fn link(self) -> Result<Link> {
        let uses = serde_json::from_str(&self.uses);
        Ok(Link {
            id: self.id.try_into().map_err(|_| damaged("the id of a link has the wrong length"))?,
            token_sha256: self.token_sha256.try_into().map_err(|_| damaged("a digest has the wrong length"))?,
            path: sql::path(self.path)?,
            maker: self.maker,
            filename: self.filename,
            created: self.created,
            expires: self.expires,
            max_uses: self.max_uses,
            spent: self.spent,
            uses: uses.map_err(|cause| damaged(&format!("the uses of a link cannot be read: {cause}")))?,
            revision: self.revision.cast_unsigned(),
        })
    }
}

#[async_trait]
impl LinkStore for Sqlite {
    async fn create(&self, link: Link) -> Result<()> {
        self.change_link(LinkChange::Create(link)).await
    }

    async fn by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        self.readers.link_by_token(token_sha256).await
    }

    async fn by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        self.readers.link_by_id(id).await
    }

    async fn list(&self, maker: Option<&str>, after: Option<&LinkId>, limit: u32) -> Result<Vec<Link>> {
        self.readers.links(maker, after, limit).await
    }

    async fn replace(&self, link: Link) -> Result<bool> {
        match self.change_link(LinkChange::Replace(link)).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::PreconditionFailed => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, id: &LinkId) -> Result<()> {
        self.change_link(LinkChange::Remove(*id)).await
    }

    async fn sweep(&self, before: i64) -> Result<()> {
        self.change_link(LinkChange::Sweep(before)).await
    }
}

/// Carries out one change.
pub(super) async fn carry_out(connection: &mut SqliteConnection, change: &LinkChange) -> Result<(), Failure> {
    match change {
        LinkChange::Create(link) => match insert(connection, link).await {
            Err(sqlx::Error::Database(cause)) if cause.is_unique_violation() => {
                Err(Failure::Refused(Error::new(ErrorKind::AlreadyExists, "the link is recorded already")))
            }
            outcome => Ok(outcome?),
        },
        LinkChange::Replace(link) => {
            let changed = update(connection, link).await?;
            let message = "the link was changed meanwhile";
            let refused = || Failure::Refused(Error::new(ErrorKind::PreconditionFailed, message));
            (changed == 1).then_some(()).ok_or_else(refused)
        }
        LinkChange::Remove(id) => {
            sqlx::query("DELETE FROM links WHERE id = ?").bind(id.as_slice()).execute(connection).await?;
            Ok(())
        }
        LinkChange::Sweep(before) => {
            sqlx::query("DELETE FROM links WHERE kept_until < ?").bind(before).execute(connection).await?;
            Ok(())
        }
    }
}

async fn insert(connection: &mut SqliteConnection, link: &Link) -> Result<(), sqlx::Error> {
    let insert = format!("INSERT INTO links ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)");
    sqlx::query(AssertSqlSafe(insert))
        .bind(link.id.as_slice())
        .bind(link.token_sha256.as_slice())
        .bind(link.path.as_str().as_bytes())
        .bind(&link.maker)
        .bind(&link.filename)
        .bind(link.created)
        .bind(link.expires)
        .bind(link.max_uses)
        .bind(link.spent)
        .bind(uses(link)?)
        .bind(link.kept_until())
        .execute(connection)
        .await?;
    Ok(())
}

/// How many rows were changed.
async fn update(connection: &mut SqliteConnection, link: &Link) -> Result<u64, sqlx::Error> {
    // What else there is of a link never changes.
    let update = "UPDATE links SET spent = ?, uses = ?, kept_until = ?, revision = revision + 1 \
        WHERE id = ? AND revision = ?";
    let updated = sqlx::query(update)
        .bind(link.spent)
        .bind(uses(link)?)
        .bind(link.kept_until())
        .bind(link.id.as_slice())
        .bind(link.revision.cast_signed())
        .execute(connection)
        .await?;
    Ok(updated.rows_affected())
}

fn uses(link: &Link) -> Result<String, sqlx::Error> {
    serde_json::to_string(&link.uses).map_err(|cause| sqlx::Error::Encode(cause.into()))
}
