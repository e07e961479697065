-- Number of feedback rows that were given before a moment.
-- Binds: before (timestamptz)
-- Index: none: once a day
SELECT count(*) FROM feedback WHERE given_at < :before;
