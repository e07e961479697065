-- Drop everything in a database, before another state of it is restored.
-- Binds: none
-- Index: none
DROP SCHEMA public CASCADE;
