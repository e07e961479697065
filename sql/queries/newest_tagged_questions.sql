-- The newest `most` stored questions asked before `end`, with their tags by canonical names.
-- Binds: site (text), end (timestamptz), most (int)
-- Index: questions_site_asked_at_idx, question_tags_pkey, canonical_tags_pkey
SELECT q.title, q.body_html, with_canonical_names(t.site, t.tags) AS tags
FROM (
    SELECT site, question_id, asked_at, title, body_html
    FROM questions
    WHERE site = :site AND asked_at < :end
    ORDER BY asked_at DESC, question_id DESC
    LIMIT :most
) AS q
JOIN question_tags AS t USING (site, question_id)
ORDER BY q.asked_at, q.question_id;
