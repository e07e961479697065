-- Store a month's model; another model or other questions mark it as unfinished.
-- Binds: study_id (text), month (text), run_id (text), experiment_id (text), dataset_id (text), test_id (text), question_ids (bigint[]), slices (text[]), slice_members (int[]), unknown_words (float8)
-- Index: stability_months_pkey
INSERT INTO stability_months AS known (study_id, month, run_id, experiment_id, dataset_id, test_id,
                                       question_ids, slices, slice_members, unknown_words)
VALUES (:study_id, :month, :run_id, :experiment_id, :dataset_id, :test_id,
        CAST(:question_ids AS bigint[]), CAST(:slices AS text[]), CAST(:slice_members AS int[]),
        :unknown_words)
ON CONFLICT (study_id, month) DO UPDATE
SET run_id = EXCLUDED.run_id,
    experiment_id = EXCLUDED.experiment_id,
    dataset_id = EXCLUDED.dataset_id,
    test_id = EXCLUDED.test_id,
    question_ids = EXCLUDED.question_ids,
    slices = EXCLUDED.slices,
    slice_members = EXCLUDED.slice_members,
    unknown_words = EXCLUDED.unknown_words,
    finished = known.finished AND known.run_id = EXCLUDED.run_id
               AND known.test_id = EXCLUDED.test_id,
    trained_at = CASE WHEN known.run_id = EXCLUDED.run_id THEN known.trained_at ELSE now() END;
