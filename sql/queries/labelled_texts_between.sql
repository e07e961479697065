-- Prepared texts of the questions asked in [start, end), oldest first, with their tags as settled
-- so far.
-- Binds: site (text), start (timestamptz), end (timestamptz), text_version (text)
-- Index: questions_site_asked_at_idx, question_tags_pkey, prepared_texts_pkey
SELECT p.question_id, p.title, p.prose, p.code, t.tags, q.asked_at
FROM questions AS q
JOIN question_tags AS t USING (site, question_id, asked_at)
JOIN prepared_texts AS p USING (site, question_id)
WHERE q.site = :site
  AND q.asked_at >= :start
  AND q.asked_at < :end
  AND p.text_version = :text_version
ORDER BY q.asked_at, q.question_id;
