-- The next questions asked in [start, end), after one of them, whose text is not prepared by this
-- version or was edited since. In order of time, so that a month is read in pieces and each question
-- is hashed once.
-- Binds: site (text), start (timestamptz), end (timestamptz), text_version (text),
--        after_at (timestamptz), after_id (bigint), limit (int)
-- Index: questions_site_asked_at_idx, prepared_texts_pkey
SELECT q.question_id, q.asked_at, q.title, q.body_html, h.content_hash
FROM questions AS q
CROSS JOIN LATERAL (
    SELECT sha256(convert_to(q.title || chr(1) || q.body_html, 'UTF8')) AS content_hash
) AS h
LEFT JOIN prepared_texts AS p
    ON p.site = q.site AND p.question_id = q.question_id AND p.text_version = :text_version
WHERE q.site = :site
  AND q.asked_at >= :start
  AND q.asked_at < :end
  AND (q.asked_at, q.question_id) > (:after_at, :after_id)
  AND p.content_hash IS DISTINCT FROM h.content_hash
ORDER BY q.asked_at, q.question_id
LIMIT :limit;
