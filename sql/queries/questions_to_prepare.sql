-- Questions asked in [start, end) whose text is not prepared by this version, or was edited since.
-- Binds: site (text), start (timestamptz), end (timestamptz), text_version (text)
-- Index: questions_site_asked_at_idx, prepared_texts_pkey
SELECT q.question_id, q.title, q.body_html, h.content_hash
FROM questions AS q
CROSS JOIN LATERAL (
    SELECT sha256(convert_to(q.title || chr(1) || q.body_html, 'UTF8')) AS content_hash
) AS h
LEFT JOIN prepared_texts AS p
    ON p.site = q.site AND p.question_id = q.question_id AND p.text_version = :text_version
WHERE q.site = :site
  AND q.asked_at >= :start
  AND q.asked_at < :end
  AND p.content_hash IS DISTINCT FROM h.content_hash
ORDER BY q.question_id;
