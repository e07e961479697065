-- The time that an import covers of a site; null where that is unknown.
-- Binds: import_id (text), site (text)
-- Index: import_spans_pkey
SELECT covered_from, covered_until
FROM import_spans
WHERE import_id = :import_id AND site = :site;
