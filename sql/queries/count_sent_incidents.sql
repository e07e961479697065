-- Number of incidents that were sent everywhere before a moment.
-- Binds: before (timestamptz)
-- Index: none: a small table, once a day
SELECT count(*) FROM outbox WHERE mailed_at < :before AND posted_at < :before;
