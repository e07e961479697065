-- Delete the feedback that was given before a moment.
-- Binds: before (timestamptz)
-- Index: none: once a day
DELETE FROM feedback WHERE given_at < :before;
