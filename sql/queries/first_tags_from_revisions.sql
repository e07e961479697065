-- Give the questions asked in [start, end) whose tags were first read more than `young_days` after they were asked the
-- tags that they had `known_days` after it, by the table of tag revisions; what was read first becomes the settled
-- tags, if they are others. Returns the number of questions. A second run finds none.
-- Binds: site (text), start (timestamptz), end (timestamptz), young_days (float8), known_days (float8)
-- Index: question_tags_asked_at_idx, question_tags_pkey, tag_revisions_question_idx
WITH known AS MATERIALIZED (
    SELECT DISTINCT ON (t.question_id)
        t.question_id,
        r.tags AS first_tags,
        t.tags @> r.tags AND t.tags <@ r.tags AS unchanged
    FROM question_tags AS t
    JOIN tag_revisions AS r USING (question_id)
    WHERE t.site = :site AND t.asked_at >= :start AND t.asked_at < :end
      AND t.first_seen_at > t.asked_at + CAST(:young_days AS double precision) * interval '1 day'
      AND r.revised_at <= t.asked_at + CAST(:known_days AS double precision) * interval '1 day'
    ORDER BY t.question_id, r.revised_at DESC, r.position DESC
), changed AS (
    UPDATE question_tags AS t SET
        first_tags = CASE WHEN k.unchanged THEN t.tags ELSE k.first_tags END,
        first_seen_at = t.asked_at + CAST(:known_days AS double precision) * interval '1 day',
        settled_tags = CASE WHEN NOT k.unchanged THEN t.tags END,
        settled_seen_at = coalesce(t.settled_seen_at, t.first_seen_at)
    FROM known AS k
    WHERE t.site = :site AND t.question_id = k.question_id
    RETURNING t.question_id
)
SELECT count(*) FROM changed;
