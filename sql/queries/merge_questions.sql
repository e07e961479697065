-- Merge the staged questions: new ones are added, changed ones take the later reading, and a row
-- that says nothing new is left alone, so that a month read twice is written once.
-- Binds: none
-- Index: questions_pkey
INSERT INTO questions AS q (
    site, question_id, asked_at, title, body_html,
    score, view_count, answer_count, link, author, licence, fetched_at
)
SELECT
    site, question_id, asked_at, title, body_html,
    score, view_count, answer_count, link, author, licence, fetched_at
FROM questions_staging
ON CONFLICT (site, question_id, asked_at) DO UPDATE SET
    title = excluded.title,
    body_html = excluded.body_html,
    score = excluded.score,
    view_count = excluded.view_count,
    answer_count = excluded.answer_count,
    link = excluded.link,
    author = excluded.author,
    licence = excluded.licence,
    fetched_at = excluded.fetched_at
WHERE excluded.fetched_at >= q.fetched_at
  AND (q.score, q.view_count, q.answer_count, q.title, q.body_html, q.link, q.author, q.licence)
      IS DISTINCT FROM (
          excluded.score, excluded.view_count, excluded.answer_count, excluded.title,
          excluded.body_html, excluded.link, excluded.author, excluded.licence
      );
