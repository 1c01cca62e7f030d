//! What is asked of the records: every scan is one range of an index.

/// A statement that reads records, with the columns that `SqlRow::of` takes.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT path, owner, \"group\", mode, has_content, etag, content_type, sha256, \
             modified, changed, object, next, revision FROM records ",
            $rest
        )
    };
}

pub(super) const RECORD: &str = select!("WHERE path = ?");

pub(super) const EVERY_RECORD: &str = select!("");

/// The direct children of a directory: one scan of one level. The metadata store is named because
/// the planner, without statistics, could walk the whole subtree instead.
pub(super) const CHILDREN: &str = select!(
    "INDEXED BY records_by_depth WHERE depth = ? AND path > ? AND path < ? ORDER BY path LIMIT ?"
);

/// A path and what is below it, after another path. They are not one range: '/a!' comes between
/// '/a' and '/a/b'.
pub(super) const RECORDS: &str = concat!(
    select!("WHERE path = ? AND path > ? UNION ALL "),
    select!("WHERE path > ? AND path < ? ORDER BY path LIMIT ?")
);
