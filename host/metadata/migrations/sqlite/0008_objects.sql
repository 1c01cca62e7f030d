-- The object that a record is of, as its storage in hexadecimal digits, a colon and its name; the one that is about to take
-- its place, as JSON; and when anything about the object was last changed, in nanoseconds since 1970. Null where that is
-- not known, as in records from before it was recorded.
ALTER TABLE records ADD COLUMN object TEXT;

ALTER TABLE records ADD COLUMN next TEXT;

ALTER TABLE records ADD COLUMN changed INTEGER;
