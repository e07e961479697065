-- Note how many questions of some data are embedded; the first decision stays.
-- Binds: data_id (text), encoders (text[]), limit_minutes (double precision), question_count (int), sample_count (int), minutes (double precision), machine (text)
-- Index: encoder_samples_pkey
INSERT INTO encoder_samples (data_id, encoders, limit_minutes, question_count, sample_count,
                             minutes, machine)
VALUES (:data_id, CAST(:encoders AS text[]), :limit_minutes, :question_count, :sample_count,
        :minutes, :machine)
ON CONFLICT (data_id, encoders, limit_minutes, question_count) DO NOTHING;
