-- Create the empty schema that a restored database needs; it exists in a new database.
-- Binds: none
-- Index: none
CREATE SCHEMA IF NOT EXISTS public;
