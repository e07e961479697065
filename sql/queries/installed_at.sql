-- When the platform was installed in this database: its first migration.
-- Binds: none
-- Index: none: a small table
SELECT min(applied_at) FROM schema_migrations;
