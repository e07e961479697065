-- An import that was checked and not finished, if there is one.
-- Binds: import_id (text)
-- Index: imports_pkey
SELECT record_count, question_count, repeated_count, refused_count, repairs, records_done
FROM imports
WHERE import_id = :import_id AND state = 'open';
