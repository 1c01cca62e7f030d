//! What is asked of the records: every scan is one range of an index.

/// A path, by its digest: see the schema.
pub(super) const RECORD: &str =
    "SELECT * FROM records WHERE sha256(path) = sha256($1) AND path = $1";

/// The direct children of a directory: one scan of one level.
pub(super) const CHILDREN: &str = "SELECT * FROM records WHERE depth = $1 AND substr(path, 1, \
                                   2000) >= substr($2, 1, 2000) AND substr(path, 1, 2000) <= \
                                   substr($3, 1, 2000) AND path > $2 AND path < $3 ORDER BY \
                                   substr(path, 1, 2000), path LIMIT $4";

/// What is between two paths, both exclusive.
pub(super) const BETWEEN: &str = "SELECT * FROM records WHERE substr(path, 1, 2000) >= substr($1, \
                                  1, 2000) AND substr(path, 1, 2000) <= substr($2, 1, 2000) AND \
                                  path > $1 AND path < $2 ORDER BY substr(path, 1, 2000), path \
                                  LIMIT $3";
