-- Record the time that a file covers of a site.
-- Binds: import_id (text), site (text), question_count (bigint), first_asked_at (timestamptz), last_asked_at (timestamptz), covered_from (timestamptz), covered_until (timestamptz)
-- Index: import_spans_pkey
INSERT INTO import_spans (
    import_id, site, question_count, first_asked_at, last_asked_at, covered_from, covered_until
)
VALUES (
    :import_id, :site, :question_count, :first_asked_at, :last_asked_at, :covered_from,
    :covered_until
)
ON CONFLICT (import_id, site) DO UPDATE SET
    covered_from = excluded.covered_from,
    covered_until = excluded.covered_until;
