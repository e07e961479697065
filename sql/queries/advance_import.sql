-- Move an import's position in the transaction that stores the questions before it; no row if
-- another process has moved it.
-- Binds: import_id (text), old_done (bigint), records_done (bigint), done (boolean)
-- Index: imports_pkey
UPDATE imports SET
    records_done = :records_done,
    state = CASE WHEN :done THEN 'done' ELSE 'open' END,
    finished_at = CASE WHEN :done THEN now() END
WHERE import_id = :import_id AND state = 'open' AND records_done = :old_done
RETURNING records_done;
