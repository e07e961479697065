-- Forget a month's second reading, so that all of it is read again. The tags that were read first are kept.
-- Binds: site (text), month (text)
-- Index: label_readings_pkey
DELETE FROM label_readings
WHERE site = :site AND month = :month;
