-- Take an exclusive lock on a piece of a study's work until the transaction ends.
-- Binds: key (int), part (text)
-- Index: none
SELECT pg_advisory_xact_lock(:key, hashtext(:part));
