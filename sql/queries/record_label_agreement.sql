-- Record how well the first tags of a month agree with those that an import read at `read_at`, when they had settled;
-- nothing if the API has read the month a second time, or no question was first read within `young_days`. The F1 is
-- that of `settled_labels.tag_f1`, by canonical names.
-- Binds: site (text), month (text), start (timestamptz), end (timestamptz), young_days (float8), read_at (timestamptz),
--        import_id (text)
-- Index: question_tags_asked_at_idx, canonical_tags_pkey, label_readings_pkey
WITH named AS MATERIALIZED (
    SELECT
        extract(epoch FROM first_seen_at - asked_at) / 86400.0 AS first_days,
        extract(epoch FROM CAST(:read_at AS timestamptz) - asked_at) / 86400.0 AS settled_days,
        with_canonical_names(site, first_tags) AS first_tags,
        with_canonical_names(site, tags) AS settled_tags
    FROM question_tags
    WHERE site = :site AND asked_at >= :start AND asked_at < :end
), scored AS (
    SELECT
        first_days,
        settled_days,
        first_days <= CAST(:young_days AS double precision) AS compared,
        CASE
            WHEN cardinality(first_tags) + cardinality(settled_tags) = 0 THEN 1.0
            ELSE 2.0 * cardinality(ARRAY(SELECT unnest(first_tags) INTERSECT SELECT unnest(settled_tags)))
                / (cardinality(first_tags) + cardinality(settled_tags))
        END AS f1
    FROM named
)
INSERT INTO label_readings AS l (
    site, month, window_start, window_end, cursor, question_count, compared_count, changed_count, f1_sum,
    first_age_days, settled_age_days, read_from, finished_at, import_id
)
SELECT
    :site, :month, :start, :end, :end,
    count(*),
    count(*) FILTER (WHERE compared),
    count(*) FILTER (WHERE compared AND f1 < 1),
    sum(f1) FILTER (WHERE compared),
    sum(first_days) FILTER (WHERE compared),
    sum(settled_days),
    :read_at, now(), :import_id
FROM scored
WHERE NOT EXISTS (
    SELECT FROM label_readings WHERE site = :site AND month = :month AND import_id IS NULL
)
HAVING count(*) FILTER (WHERE compared) > 0
ON CONFLICT (site, window_start, window_end) DO UPDATE SET
    question_count = excluded.question_count,
    compared_count = excluded.compared_count,
    changed_count = excluded.changed_count,
    f1_sum = excluded.f1_sum,
    first_age_days = excluded.first_age_days,
    settled_age_days = excluded.settled_age_days,
    read_from = excluded.read_from,
    finished_at = excluded.finished_at,
    import_id = excluded.import_id
WHERE l.import_id IS NOT NULL AND l.read_from <= excluded.read_from;
