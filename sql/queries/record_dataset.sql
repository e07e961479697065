-- Note a dataset; its id is a hash of its content, so it is the same row however often it is made. A row
-- of an earlier release gets the number of uses that it lacks.
-- Binds: dataset_id (text), site (text), first_month (text), last_month (text), question_count (int), min_tag_count (int), least_uses (int), vocabulary (text[]), learned_until (timestamptz)
-- Index: datasets_pkey
INSERT INTO datasets AS d (dataset_id, site, first_month, last_month, question_count, min_tag_count, least_uses,
                           vocabulary, learned_until)
VALUES (:dataset_id, :site, :first_month, :last_month, :question_count, :min_tag_count, :least_uses,
        :vocabulary, :learned_until)
ON CONFLICT (dataset_id) DO UPDATE SET least_uses = EXCLUDED.least_uses WHERE d.least_uses IS NULL;
