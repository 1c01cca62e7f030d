//! Links: their rows, and what changes them, in a transaction that somebody else began and will
//! end.

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::metadata::{Link, LinkChange, LinkId, LinkStore, link_changed, link_exists};
use callfs_model::storage::Durability;
use sqlx::{AssertSqlSafe, PgConnection};

use super::PostgresStore;
use super::changes::speakable;
use crate::queue::QueuedStep;
use crate::sql::{COLUMNS, LinkRow, SqlFailure, json};

#[async_trait]
impl LinkStore for PostgresStore {
    async fn change(&self, change: LinkChange) -> Result<()> {
        self.claimed()?;
        let step = QueuedStep::Link(Box::new(change));
        self.queue.commit(step, Durability::Strict).await
    }

    async fn by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        self.link("token_sha256", token_sha256).await
    }

    async fn by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        self.link("id", id).await
    }

    async fn list(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        let after = after.map_or(&[][..], |id| id);
        let of_maker = if maker.is_some() {
            "maker = $3 AND "
        } else {
            ""
        };
        let list = AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM links WHERE {of_maker}id > $1 ORDER BY id LIMIT $2"
        ));
        let list = sqlx::query_as::<_, LinkRow>(list)
            .bind(after)
            .bind(i64::from(limit));
        let list = if let Some(maker) = maker {
            list.bind(maker)
        } else {
            list
        };
        self.read(list.fetch_all(&self.readers))
            .await?
            .into_iter()
            .map(LinkRow::link)
            .collect()
    }
}

impl PostgresStore {
    async fn link(&self, column: &str, key: &[u8]) -> Result<Option<Link>> {
        let find = AssertSqlSafe(format!("SELECT {COLUMNS} FROM links WHERE {column} = $1"));
        let row = sqlx::query_as::<_, LinkRow>(find)
            .bind(key)
            .fetch_optional(&self.readers);
        self.read(row).await?.map(LinkRow::link).transpose()
    }
}

/// Carries out one change.
pub(super) async fn carry_out(
    connection: &mut PgConnection,
    change: &LinkChange,
) -> Result<(), SqlFailure<sqlx::Error>> {
    match change {
        LinkChange::Create(link) => create(connection, link).await,
        LinkChange::Issue(link, rights) => {
            let rights = rights.clone();
            let link = Link {
                rights,
                ..link.clone()
            };
            create(connection, &link).await
        }
        LinkChange::Offer(link, rights, options) => {
            let rights = rights.clone();
            let link = Link {
                rights,
                options: *options,
                ..link.clone()
            };
            create(connection, &link).await
        }
        LinkChange::Replace(link) => {
            let refused = || SqlFailure::Refused(link_changed());
            (update(connection, link).await? == 1)
                .then_some(())
                .ok_or_else(refused)
        }
        LinkChange::Remove(id) => {
            sqlx::query("DELETE FROM links WHERE id = $1")
                .bind(id.as_slice())
                .execute(connection)
                .await?;
            Ok(())
        }
        LinkChange::Sweep(before) => {
            sqlx::query("DELETE FROM links WHERE kept_until < $1")
                .bind(before)
                .execute(connection)
                .await?;
            Ok(())
        }
    }
}

async fn create(connection: &mut PgConnection, link: &Link) -> Result<(), SqlFailure<sqlx::Error>> {
    speakable(link.filename.as_deref().into_iter().chain([&*link.maker]))?;
    let refused = || SqlFailure::Refused(link_exists());
    (insert(connection, link).await? == 1)
        .then_some(())
        .ok_or_else(refused)
}

/// How many rows were made. A refusal is no error of the database, which would end the transaction.
async fn insert(connection: &mut PgConnection, link: &Link) -> Result<u64, sqlx::Error> {
    let insert = format!(
        "INSERT INTO links ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0, $11, \
         $12, $13) ON CONFLICT DO NOTHING"
    );
    let inserted = sqlx::query(AssertSqlSafe(insert))
        .bind(link.id.as_slice())
        .bind(link.token_sha256.as_slice())
        .bind(link.path.as_str().as_bytes())
        .bind(&link.maker)
        .bind(&link.filename)
        .bind(link.created)
        .bind(link.expires)
        .bind(i64::from(link.max_uses))
        .bind(i64::from(link.spent))
        .bind(json(&link.uses).map_err(sqlx::Error::Encode)?)
        .bind(json(&link.rights).map_err(sqlx::Error::Encode)?)
        .bind(json(&link.options).map_err(sqlx::Error::Encode)?)
        .bind(link.kept_until())
        .execute(connection)
        .await?;
    Ok(inserted.rows_affected())
}

/// How many rows were changed.
async fn update(connection: &mut PgConnection, link: &Link) -> Result<u64, sqlx::Error> {
    // What else there is of a link never changes.
    let update = "UPDATE links SET spent = $1, uses = $2, kept_until = $3, revision = revision + \
                  1 WHERE id = $4 AND revision = $5";
    let updated = sqlx::query(update)
        .bind(i64::from(link.spent))
        .bind(json(&link.uses).map_err(sqlx::Error::Encode)?)
        .bind(link.kept_until())
        .bind(link.id.as_slice())
        .bind(link.revision.cast_signed())
        .execute(connection)
        .await?;
    Ok(updated.rows_affected())
}
