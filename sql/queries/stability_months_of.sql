-- The months of a study, oldest first, with the vocabulary of each model and what it learned from.
-- Binds: study_id (text), first_month (text), last_month (text)
-- Index: stability_months_pkey, datasets_pkey, fits_pkey
SELECT m.month, m.run_id, m.experiment_id, m.dataset_id, m.test_id, m.question_ids, m.slices,
       m.slice_members, m.unknown_words, m.finished, d.first_month AS train_first,
       d.last_month AS train_last, d.vocabulary,
       f.question_count, f.window_count, f.first_asked_at, f.last_asked_at, f.seconds
FROM stability_months AS m
JOIN datasets AS d USING (dataset_id)
LEFT JOIN fits AS f USING (run_id)
WHERE m.study_id = :study_id
  AND m.month BETWEEN :first_month AND :last_month
ORDER BY m.month;
