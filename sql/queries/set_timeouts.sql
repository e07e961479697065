-- Limit this transaction's statements and its waits for locks, in milliseconds.
-- Binds: statement (text), lock (text)
-- Index: none
SELECT
    set_config('statement_timeout', :statement, true),
    set_config('lock_timeout', :lock, true);
