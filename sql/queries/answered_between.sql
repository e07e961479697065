-- Answers of a model version in [start, end), each distinct question once, oldest first: a repeated
-- question adds no information on the distribution of questions.
-- Binds: site (text), model_version (text), start (timestamptz), end (timestamptz)
-- Index: predictions_asked_at_idx
SELECT asked_at, title, body, tags, key_name
FROM (
    SELECT DISTINCT ON (md5(title || ' ' || body)) prediction_id, asked_at, title, body, tags, key_name
    FROM predictions
    WHERE asked_at >= :start
      AND asked_at < :end
      AND site = :site
      AND model_version = :model_version
      AND NOT shadow
    ORDER BY md5(title || ' ' || body), asked_at
) AS distinct_questions
ORDER BY asked_at, prediction_id;
