-- Open an import: a new or an interrupted one goes on where its questions are stored, a done one
-- starts again.
-- Binds: import_id (text), file_name (text), site (text), as_of (timestamptz), record_count (bigint), question_count (bigint), repeated_count (bigint), refused_count (bigint), repairs (jsonb)
-- Index: imports_pkey
INSERT INTO imports AS i (
    import_id, file_name, site, as_of, state,
    record_count, question_count, repeated_count, refused_count, repairs
)
VALUES (
    :import_id, :file_name, :site, :as_of, 'open',
    :record_count, :question_count, :repeated_count, :refused_count, CAST(:repairs AS jsonb)
)
ON CONFLICT (import_id) DO UPDATE SET
    state = 'open',
    file_name = excluded.file_name,
    records_done = CASE i.state WHEN 'open' THEN i.records_done ELSE 0 END,
    started_at = CASE i.state WHEN 'open' THEN i.started_at ELSE now() END,
    finished_at = NULL
RETURNING records_done;
