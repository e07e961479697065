-- Give back the lock of a part of a cache.
-- Binds: cache (text), part (text)
-- Index: none
SELECT pg_advisory_unlock(hashtext(:cache), hashtext(:part));
