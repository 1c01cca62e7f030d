//! Rows, and what they say. What is read back was checked when it was written, and is checked again.

use crate::error::Result;
use crate::metadata::sql::{self, damaged};
use crate::metadata::{Content, Intent, IntentId, Record};

/// A path, by its digest: see the schema.
pub(super) const RECORD: &str = "SELECT * FROM records WHERE sha256(path) = sha256($1) AND path = $1";

/// The direct children of a directory: one scan of one level.
pub(super) const CHILDREN: &str = "SELECT * FROM records WHERE depth = $1 \
    AND substr(path, 1, 2000) >= substr($2, 1, 2000) AND substr(path, 1, 2000) <= substr($3, 1, 2000) \
    AND path > $2 AND path < $3 ORDER BY substr(path, 1, 2000), path LIMIT $4";

/// What is between two paths, both exclusive.
pub(super) const BETWEEN: &str = "SELECT * FROM records \
    WHERE substr(path, 1, 2000) >= substr($1, 1, 2000) AND substr(path, 1, 2000) <= substr($2, 1, 2000) \
    AND path > $1 AND path < $2 ORDER BY substr(path, 1, 2000), path LIMIT $3";

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    path: Vec<u8>,
    owner: String,
    group: String,
    mode: i64,
    has_content: bool,
    etag: Option<String>,
    content_type: Option<String>,
    sha256: Option<Vec<u8>>,
    modified: Option<i64>,
    revision: i64,
}

impl Row {
    pub(super) fn record(self) -> Result<Record> {
        let wrong = || damaged("a digest has the wrong length");
        let sha256 = self.sha256.map(|digest| digest.try_into().map_err(|_| wrong())).transpose()?;
        let content = Content { etag: self.etag, content_type: self.content_type, sha256, modified: self.modified };
        Ok(Record {
            path: sql::path(self.path)?,
            owner: self.owner,
            group: self.group,
            mode: u32::try_from(self.mode).map_err(|_| damaged("a mode is too large"))?,
            content: self.has_content.then_some(content),
            revision: self.revision.cast_unsigned(),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct IntentRow {
    id: Vec<u8>,
    kind: String,
    source: Vec<u8>,
    target: Vec<u8>,
}

impl IntentRow {
    pub(super) fn intent(self) -> Result<(IntentId, Intent)> {
        sql::intent(self.id, &self.kind, self.source, self.target)
    }
}
