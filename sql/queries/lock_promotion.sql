-- Wait until nobody else moves an alias; held to the end of the transaction.
-- Binds: key (bigint), wait_ms (text)
-- Index: none
SELECT set_config('lock_timeout', :wait_ms, true), pg_advisory_xact_lock(:key);
