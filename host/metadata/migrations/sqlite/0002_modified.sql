-- The time of the last change, in nanoseconds since 1970, where it is not the one that the storage keeps: somebody set it,
-- or the bytes came from another storage.
ALTER TABLE records ADD COLUMN modified INTEGER;
