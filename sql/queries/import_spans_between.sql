-- The imports with a question of a site in [start, end), or that cover a part of it, each with the
-- time that it covers (null if that is unknown) and whether it is finished.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: import_spans_site_idx, imports_pkey
SELECT s.covered_from, s.covered_until, i.state = 'done' AS done
FROM import_spans AS s
JOIN imports AS i USING (import_id)
WHERE s.site = :site
  AND least(s.first_asked_at, s.covered_from) < :end
  AND (s.last_asked_at >= :start OR s.covered_until > :start)
ORDER BY s.covered_from;
