-- Questions of a site asked in [start, end), oldest first, with their tags as settled so far.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: questions_site_asked_at_idx, question_tags_pkey
SELECT
    q.site, q.question_id, q.asked_at, q.title, q.body_html, t.tags, q.score, q.view_count,
    q.answer_count, q.link, q.author, q.licence, q.fetched_at
FROM questions AS q
JOIN question_tags AS t USING (site, question_id)
WHERE q.site = :site
  AND q.asked_at >= :start
  AND q.asked_at < :end
ORDER BY q.asked_at, q.question_id;
