-- Count the table of tag revisions for the planner, which nobody does for a temporary table by itself.
-- Binds: none
-- Index: none
ANALYZE tag_revisions;
