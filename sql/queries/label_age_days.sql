-- Median days from asking a question in [start, end) to the last reading of its tags: the first reading, the last
-- one that changed them, or the second reading of its month. Null if there is no question.
-- Binds: site (text), start (timestamptz), end (timestamptz)
-- Index: question_tags_asked_at_idx, label_readings_pkey
SELECT percentile_cont(0.5) WITHIN GROUP (
    ORDER BY extract(epoch FROM greatest(t.first_seen_at, t.settled_seen_at, r.finished_at) - t.asked_at) / 86400.0
) AS age_days
FROM question_tags AS t
LEFT JOIN label_readings AS r
    ON r.site = t.site AND t.asked_at >= r.window_start AND t.asked_at < r.window_end
    AND r.window_start < :end AND r.window_end > :start
WHERE t.site = :site AND t.asked_at >= :start AND t.asked_at < :end;
