-- Whether this transaction now holds the lock on filling a part of a cache, until it ends.
-- Binds: cache (text), part (text)
-- Index: none
SELECT pg_try_advisory_xact_lock(hashtext(:cache), hashtext(:part)) AS held;
