-- Wait until this session holds the lock of a part of a cache, to be given back by it.
-- Binds: cache (text), part (text)
-- Index: none
SELECT pg_advisory_lock(hashtext(:cache), hashtext(:part));
