-- Distinct questions that the service was asked in [start, end), `most` at most: a sample that does not depend on when
-- they were asked, nor on how often.
-- Binds: site (text), start (timestamptz), end (timestamptz), most (int)
-- Index: predictions_asked_at_idx
SELECT DISTINCT ON (md5(title || ' ' || body)) title, body
FROM predictions
WHERE asked_at >= :start
  AND asked_at < :end
  AND site = :site
  AND NOT shadow
ORDER BY md5(title || ' ' || body)
LIMIT :most;
