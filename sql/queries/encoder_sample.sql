-- How many questions of some data are embedded, if that is decided.
-- Binds: data_id (text), encoders (text[]), limit_minutes (double precision), question_count (int)
-- Index: encoder_samples_pkey
SELECT question_count, sample_count, minutes, limit_minutes
FROM encoder_samples
WHERE data_id = :data_id
  AND encoders = CAST(:encoders AS text[])
  AND limit_minutes = :limit_minutes
  AND question_count = :question_count;
