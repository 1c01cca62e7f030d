//! What is asked of the records: every scan is one range of an index.

/// The direct children of a directory: one scan of one level. The metadata store is named because
/// the planner, without statistics, could walk the whole subtree instead.
pub(super) const CHILDREN: &str = "SELECT * FROM records INDEXED BY records_by_depth WHERE depth \
                                   = ? AND path > ? AND path < ? ORDER BY path LIMIT ?";

/// A path and what is below it, after another path. They are not one range: '/a!' comes between
/// '/a' and '/a/b'.
pub(super) const RECORDS: &str = "SELECT * FROM records WHERE path = ? AND path > ? UNION ALL \
                                  SELECT * FROM records WHERE path > ? AND path < ? ORDER BY path \
                                  LIMIT ?";
