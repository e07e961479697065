-- Move the cursor of a part of a second reading, if nobody else has moved it since it was read.
-- Binds: site (text), start (timestamptz), end (timestamptz), old_cursor (timestamptz), cursor (timestamptz),
--        requests (int), questions (int), compared (int), changed (int), f1_sum (float8),
--        first_age_days (float8), settled_age_days (float8), read_from (timestamptz),
--        finished (bool)
-- Index: label_readings_pkey
UPDATE label_readings SET
    cursor = :cursor,
    request_count = request_count + :requests,
    question_count = question_count + :questions,
    compared_count = compared_count + :compared,
    changed_count = changed_count + :changed,
    f1_sum = f1_sum + :f1_sum,
    first_age_days = first_age_days + :first_age_days,
    settled_age_days = settled_age_days + :settled_age_days,
    read_from = least(read_from, CAST(:read_from AS timestamptz)),
    finished_at = CASE WHEN :finished THEN now() END
WHERE site = :site
  AND window_start = :start
  AND window_end = :end
  AND finished_at IS NULL
  AND cursor IS NOT DISTINCT FROM CAST(:old_cursor AS timestamptz)
RETURNING cursor;
