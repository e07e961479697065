-- Note a dataset; its id is a hash of its content, so it is the same row however often it is made.
-- Binds: dataset_id (text), site (text), first_month (text), last_month (text), question_count (int), min_tag_count (int), vocabulary (text[]), learned_until (timestamptz)
-- Index: datasets_pkey
INSERT INTO datasets (dataset_id, site, first_month, last_month, question_count, min_tag_count, vocabulary,
                      learned_until)
VALUES (:dataset_id, :site, :first_month, :last_month, :question_count, :min_tag_count, :vocabulary,
        :learned_until)
ON CONFLICT (dataset_id) DO NOTHING;
