-- Paths are bytes: compared, ordered and cut byte by byte. Everything below '/a' is the one range between '/a/' and
-- '/a0', because '0' follows '/'; its direct children are the part of that range that is one level deeper.
CREATE TABLE records (
    path BLOB NOT NULL PRIMARY KEY,
    depth INTEGER NOT NULL,
    owner TEXT NOT NULL,
    "group" TEXT NOT NULL,
    mode INTEGER NOT NULL,
    has_content INTEGER NOT NULL,
    etag TEXT,
    content_type TEXT,
    sha256 BLOB,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX records_by_depth ON records (depth, path);

CREATE TABLE intents (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    source BLOB NOT NULL,
    target BLOB NOT NULL
) STRICT;

-- The last revision that was given. It outlives the records, so that no revision is ever given twice.
CREATE TABLE revision (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;

INSERT INTO revision (one, last) VALUES (1, 0);
