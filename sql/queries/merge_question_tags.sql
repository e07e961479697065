-- Merge the staged questions' tags: those first seen are kept for good; a later reading that holds
-- other tags (in whatever order) becomes the settled ones.
-- Binds: none
-- Index: question_tags_pkey
INSERT INTO question_tags AS t (site, question_id, asked_at, first_tags, first_seen_at)
SELECT site, question_id, asked_at, tags, fetched_at
FROM question_tags_staging
ON CONFLICT (site, question_id) DO UPDATE SET
    asked_at = excluded.asked_at,
    settled_tags = CASE
        WHEN excluded.first_seen_at >= coalesce(t.settled_seen_at, t.first_seen_at)
            AND NOT (t.tags @> excluded.first_tags AND t.tags <@ excluded.first_tags)
        THEN excluded.first_tags
        ELSE t.settled_tags
    END,
    settled_seen_at = CASE
        WHEN excluded.first_seen_at >= coalesce(t.settled_seen_at, t.first_seen_at)
            AND NOT (t.tags @> excluded.first_tags AND t.tags <@ excluded.first_tags)
        THEN excluded.first_seen_at
        ELSE t.settled_seen_at
    END
WHERE t.asked_at <> excluded.asked_at
   OR (
       excluded.first_seen_at >= coalesce(t.settled_seen_at, t.first_seen_at)
       AND NOT (t.tags @> excluded.first_tags AND t.tags <@ excluded.first_tags)
   );
