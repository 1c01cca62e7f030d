-- Leases that are over: nothing is changed under them any more. One row for each node that died or lost its locks.
CREATE TABLE fences (
    lease BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
