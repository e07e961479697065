-- How many questions of a month have been compared in its second reading, and how many of them have other tags.
-- Binds: site (text), month (text)
-- Index: label_readings_pkey
SELECT coalesce(sum(compared_count), 0) AS compared, coalesce(sum(changed_count), 0) AS changed
FROM label_readings
WHERE site = :site AND month = :month;
