-- Note what a model learned from; a run that is logged again leaves the same row.
-- Binds: run_id (text), dataset_id (text), candidate (text), question_count (int), window_count (int), first_asked_at (timestamptz), last_asked_at (timestamptz), tag_count (int), seconds (float8)
-- Index: fits_pkey
INSERT INTO fits (run_id, dataset_id, candidate, question_count, window_count, first_asked_at,
                  last_asked_at, tag_count, seconds)
VALUES (:run_id, :dataset_id, :candidate, :question_count, :window_count, :first_asked_at,
        :last_asked_at, :tag_count, :seconds)
ON CONFLICT (run_id) DO NOTHING;
