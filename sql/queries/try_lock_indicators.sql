-- Whether this transaction now holds the lock on counting a site's indicators; another host may.
-- Binds: site (text)
-- Index: none
SELECT pg_try_advisory_xact_lock(hashtext('daily_indicators'), hashtext(:site)) AS held;
