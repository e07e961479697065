-- Drop the table of tag revisions.
-- Binds: none
-- Index: none
DROP TABLE IF EXISTS tag_revisions;
