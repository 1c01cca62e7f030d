-- Tells this metadata store from others, to the gateways that use it.
CREATE TABLE store (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL
);

INSERT INTO store (one, identity)
VALUES (1, md5(random()::text || clock_timestamp()::text || pg_backend_pid()::text));
