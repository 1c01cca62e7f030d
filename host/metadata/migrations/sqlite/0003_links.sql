-- Links to files. Their ids begin with the time at which they were made, so that their order is that of their making.
-- `uses` holds those that are taken or left, as JSON; `kept_until` is when nobody can use the link any more.
CREATE TABLE IF NOT EXISTS links (
    id BLOB NOT NULL PRIMARY KEY,
    token_sha256 BLOB NOT NULL UNIQUE,
    path BLOB NOT NULL,
    maker TEXT NOT NULL,
    filename TEXT,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    max_uses INTEGER NOT NULL,
    spent INTEGER NOT NULL,
    uses TEXT NOT NULL,
    kept_until INTEGER NOT NULL,
    revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS links_by_maker ON links (maker, id);

CREATE INDEX IF NOT EXISTS links_by_end ON links (kept_until);
