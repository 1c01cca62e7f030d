//! Links: their rows, and what changes them, in a transaction that somebody else began and will
//! end.

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::metadata::{Link, LinkChange, LinkId, LinkStore, link_changed, link_exists};
use callfs_model::storage::Durability;
use rusqlite::{Connection, params};

use super::SqliteStore;
use super::failure::SqliteOutcome;
use super::file::execute;
use crate::queue::QueuedStep;
use crate::sql::{COLUMNS, SqlFailure, json};

#[async_trait]
impl LinkStore for SqliteStore {
    async fn change(&self, change: LinkChange) -> Result<()> {
        let step = QueuedStep::Link(Box::new(change));
        self.queue.commit(step, Durability::Strict).await
    }

    async fn by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        self.readers.link_by_token(token_sha256).await
    }

    async fn by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        self.readers.link_by_id(id).await
    }

    async fn list(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        self.readers.links(maker, after, limit).await
    }
}

/// Carries out one change.
pub(super) fn carry_out(connection: &Connection, change: &LinkChange) -> SqliteOutcome {
    match change {
        LinkChange::Create(link) => create(connection, link),
        LinkChange::Issue(link, rights) => {
            let rights = rights.clone();
            let link = Link {
                rights,
                ..link.clone()
            };
            create(connection, &link)
        }
        LinkChange::Offer(link, rights, options) => {
            let rights = rights.clone();
            let link = Link {
                rights,
                options: *options,
                ..link.clone()
            };
            create(connection, &link)
        }
        LinkChange::Replace(link) => {
            let changed = update(connection, link)?;
            let refused = || SqlFailure::Refused(link_changed());
            (changed == 1).then_some(()).ok_or_else(refused)
        }
        LinkChange::Remove(id) => {
            execute(connection, "DELETE FROM links WHERE id = ?", [id])?;
            Ok(())
        }
        LinkChange::Sweep(before) => {
            let sweep = "DELETE FROM links WHERE kept_until < ?";
            execute(connection, sweep, [before])?;
            Ok(())
        }
    }
}

fn create(connection: &Connection, link: &Link) -> SqliteOutcome {
    let insert = format!(
        "INSERT INTO links ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?) ON \
         CONFLICT DO NOTHING"
    );
    let values = params![
        link.id,
        link.token_sha256,
        link.path.as_str().as_bytes(),
        link.maker,
        link.filename,
        link.created,
        link.expires,
        link.max_uses,
        link.spent,
        json(&link.uses).map_err(rusqlite::Error::ToSqlConversionFailure)?,
        json(&link.rights).map_err(rusqlite::Error::ToSqlConversionFailure)?,
        json(&link.options).map_err(rusqlite::Error::ToSqlConversionFailure)?,
        link.kept_until(),
    ];
    let refused = || SqlFailure::Refused(link_exists());
    (execute(connection, &insert, values)? == 1)
        .then_some(())
        .ok_or_else(refused)
}

/// How many rows were changed.
fn update(connection: &Connection, link: &Link) -> rusqlite::Result<usize> {
    // What else there is of a link never changes.
    let update = "UPDATE links SET spent = ?, uses = ?, kept_until = ?, revision = revision + 1 \
                  WHERE id = ? AND revision = ?";
    let values = params![
        link.spent,
        json(&link.uses).map_err(rusqlite::Error::ToSqlConversionFailure)?,
        link.kept_until(),
        link.id,
        link.revision.cast_signed(),
    ];
    execute(connection, update, values)
}
