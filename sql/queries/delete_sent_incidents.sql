-- Delete the incidents that were sent everywhere before a moment; what waits stays.
-- Binds: before (timestamptz)
-- Index: none: a small table, once a day
DELETE FROM outbox WHERE mailed_at < :before AND posted_at < :before;
