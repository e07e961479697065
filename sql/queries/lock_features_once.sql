-- Let one session at a time fill a cache, until its transaction ends: whoever waited finds it done.
-- Binds: cache (text), part (text)
-- Index: none
SELECT pg_advisory_xact_lock(hashtext(:cache), hashtext(:part));
