-- Paths are bytes: compared, ordered and cut byte by byte. Everything below '/a' is the one range between '/a/' and
-- '/a0', because '0' follows '/'; its direct children are the part of that range that is one level deeper.
--
-- An entry of an index holds some 2,700 bytes, and a path has up to 4,096. So a path is found by its digest, and a range by
-- the beginnings of its paths: whatever is ordered by its first 2,000 bytes and then by itself is ordered by itself.
CREATE TABLE records (
    path BYTEA NOT NULL,
    depth BIGINT NOT NULL,
    owner TEXT NOT NULL,
    "group" TEXT NOT NULL,
    mode BIGINT NOT NULL,
    has_content BOOLEAN NOT NULL,
    etag TEXT,
    content_type TEXT,
    sha256 BYTEA,
    modified BIGINT,
    revision BIGINT NOT NULL
);

CREATE UNIQUE INDEX records_by_digest ON records (sha256(path));

CREATE INDEX records_by_path ON records (substr(path, 1, 2000));

CREATE INDEX records_by_depth ON records (depth, substr(path, 1, 2000));

CREATE TABLE intents (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id BYTEA NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    source BYTEA NOT NULL,
    target BYTEA NOT NULL
);

-- The last revision that was given. It outlives the records, so that no revision is ever given twice; and whoever changes
-- anything locks it first, so that changes of all nodes come one after the other.
CREATE TABLE revision (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    last BIGINT NOT NULL
);

INSERT INTO revision (one, last) VALUES (1, 0);

-- Leases that are over: nothing is changed under them any more.
CREATE TABLE fences (
    lease BYTEA NOT NULL PRIMARY KEY
);

-- Links to files. Their ids begin with the time at which they were made, so that their order is that of their making.
-- `uses` holds those that are taken or left, as JSON; `kept_until` is when nobody can use the link any more.
CREATE TABLE links (
    id BYTEA NOT NULL PRIMARY KEY,
    token_sha256 BYTEA NOT NULL UNIQUE,
    path BYTEA NOT NULL,
    maker TEXT NOT NULL,
    filename TEXT,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    max_uses BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    uses TEXT NOT NULL,
    kept_until BIGINT NOT NULL,
    revision BIGINT NOT NULL
);

CREATE INDEX links_by_maker ON links (maker, id);

CREATE INDEX links_by_end ON links (kept_until);
