-- State of the rows of each month in [start, end) that has questions: it changes whenever a question
-- or its tags are added, changed or deleted, by whatever statement. `xmin` is the transaction that
-- wrote a row version, so no text has to be read or hashed.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: questions_site_asked_at_idx, question_tags_asked_at_idx
WITH asked AS (
    SELECT
        to_char(q.asked_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
        count(*) AS question_count,
        sum(q.xmin::text::bigint) AS versions
    FROM questions AS q
    WHERE q.site = :site AND q.asked_at >= :start AND q.asked_at < :end
    GROUP BY 1
), tagged AS (
    SELECT
        to_char(t.asked_at AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
        count(*) AS question_count,
        sum(t.xmin::text::bigint) AS versions
    FROM question_tags AS t
    WHERE t.site = :site AND t.asked_at >= :start AND t.asked_at < :end
    GROUP BY 1
)
SELECT
    month,
    concat_ws(
        ' ', asked.question_count, asked.versions, tagged.question_count, tagged.versions
    ) AS row_state
FROM asked
LEFT JOIN tagged USING (month)
ORDER BY month;
