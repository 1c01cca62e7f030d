//! Rows, and what they say. What is read back was checked when it was written, but a database can
//! be damaged or edited, so it is checked again.

use callfs_model::error::Result;
use callfs_model::metadata::{Content, Intent, IntentId, Link, Record};
use rusqlite::Row;

use super::{damaged, intent, path};
use crate::object;

/// A row. Its columns are read by name from PostgreSQL, and by their order from SQLite, where each
/// name would be searched for.
macro_rules! row {
    ($name:ident { $($column:ident: $type:ty,)+ }) => {
        #[derive(sqlx::FromRow)]
        pub(crate) struct $name {
            $($column: $type,)+
        }

        impl $name {
            /// Of a row of SQLite that begins with these columns, in this order.
            pub(crate) fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
                let mut count = 0_usize;
                let mut next = || {
                    count += 1;
                    count - 1
                };
                Ok(Self {
                    $($column: row.get(next())?,)+
                })
            }
        }
    };
}

row! {
    SqlRow {
        path: Vec<u8>,
        owner: String,
        group: String,
        mode: i64,
        has_content: bool,
        etag: Option<String>,
        content_type: Option<String>,
        sha256: Option<Vec<u8>>,
        modified: Option<i64>,
        changed: Option<i64>,
        object: Option<String>,
        next: Option<String>,
        revision: i64,
    }
}

impl SqlRow {
    pub(crate) fn record(self) -> Result<Record> {
        let wrong = || damaged("a digest has the wrong length");
        let sha256 = self
            .sha256
            .map(|digest| digest.try_into().map_err(|_| wrong()))
            .transpose()?;
        let content = Content {
            etag: self.etag,
            content_type: self.content_type,
            sha256,
            modified: self.modified,
            changed: self.changed,
        };
        let object = self.object.map(|text| {
            object::read(&text).ok_or_else(|| damaged(&format!("{text:?} names no object")))
        });
        let next = self.next.map(|text| {
            serde_json::from_str(&text)
                .map_err(|cause| damaged(&format!("the next object cannot be read: {cause}")))
        });
        Ok(Record {
            path: path(self.path)?,
            owner: self.owner,
            group: self.group,
            mode: u32::try_from(self.mode).map_err(|_| damaged("a mode is too large"))?,
            content: self.has_content.then_some(content),
            object: object.transpose()?,
            next: next.transpose()?,
            revision: self.revision.cast_unsigned(),
        })
    }
}

row! {
    IntentRow {
        id: Vec<u8>,
        kind: String,
        source: Vec<u8>,
        target: Vec<u8>,
    }
}

impl IntentRow {
    pub(crate) fn intent(self) -> Result<(IntentId, Intent)> {
        intent(self.id, &self.kind, self.source, self.target)
    }
}

/// Of a row of the links: those that [`LinkRow`] has, and when the link may be swept.
pub(crate) const COLUMNS: &str = "id, token_sha256, path, maker, filename, created, expires, \
                                  max_uses, spent, uses, revision, rights, options, kept_until";

row! {
    LinkRow {
        id: Vec<u8>,
        token_sha256: Vec<u8>,
        path: Vec<u8>,
        maker: String,
        filename: Option<String>,
        created: i64,
        expires: i64,
        max_uses: i64,
        spent: i64,
        uses: String,
        revision: i64,
        rights: Option<String>,
        options: Option<String>,
    }
}

impl LinkRow {
    pub(crate) fn link(self) -> Result<Link> {
        let uses = serde_json::from_str(&self.uses);
        let rights = self.rights.as_deref().map(serde_json::from_str);
        let options = self.options.as_deref().map(serde_json::from_str);
        let count = |number: i64| {
            u32::try_from(number).map_err(|_| damaged("a number of uses is too large"))
        };
        Ok(Link {
            id: self
                .id
                .try_into()
                .map_err(|_| damaged("the id of a link has the wrong length"))?,
            token_sha256: self
                .token_sha256
                .try_into()
                .map_err(|_| damaged("a digest has the wrong length"))?,
            path: path(self.path)?,
            maker: self.maker,
            rights: rights
                .transpose()
                .map(Option::unwrap_or_default)
                .map_err(|cause| {
                    damaged(&format!("the rights of a link cannot be read: {cause}"))
                })?,
            options: options
                .transpose()
                .map(Option::unwrap_or_default)
                .map_err(|cause| {
                    damaged(&format!("the options of a link cannot be read: {cause}"))
                })?,
            filename: self.filename,
            created: self.created,
            expires: self.expires,
            max_uses: count(self.max_uses)?,
            spent: count(self.spent)?,
            uses: uses
                .map_err(|cause| damaged(&format!("the uses of a link cannot be read: {cause}")))?,
            revision: self.revision.cast_unsigned(),
        })
    }
}
