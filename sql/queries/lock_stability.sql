-- Let one session at a time do a piece of a study's work, until its transaction ends.
-- Binds: key (int), part (text)
-- Index: none
SELECT pg_advisory_xact_lock(:key, hashtext(:part));
