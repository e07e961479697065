-- The champion by the ledger: its version, since when, when the version was first promoted or became
-- challenger, which questions it learned from, those of its training window, and the precision@5 of its
-- training's test month. Null where the ledger's row was written before it named them.
-- Binds: alias (text)
-- Index: promotions_alias_idx, datasets_pkey, fits_pkey, evaluations_pkey
SELECT
    champion.to_version AS model_version,
    champion.promoted_at,
    made.promoted_at AS made_at,
    made.dataset_id,
    f.question_count,
    f.first_asked_at,
    d.question_count AS window_count,
    d.learned_until,
    cardinality(d.vocabulary) AS vocabulary_size,
    e.value AS tested_precision
FROM (
    SELECT to_version, promoted_at
    FROM promotions
    WHERE alias = :alias
    ORDER BY promotion_id DESC
    LIMIT 1
) AS champion
LEFT JOIN LATERAL (
    SELECT
        p.promoted_at,
        p.figures ->> 'dataset_id' AS dataset_id,
        p.figures ->> 'fit_run_id' AS fit_run_id,
        p.figures ->> 'evaluation_run_id' AS evaluation_run_id,
        p.figures ->> 'test_month' AS test_month
    FROM promotions AS p
    WHERE p.to_version = champion.to_version AND p.figures ? 'dataset_id'
    ORDER BY p.promotion_id
    LIMIT 1
) AS made ON true
LEFT JOIN datasets AS d ON d.dataset_id = made.dataset_id
LEFT JOIN fits AS f ON f.run_id = made.fit_run_id
LEFT JOIN evaluations AS e
    ON e.site = d.site
    AND e.model_version = made.evaluation_run_id
    AND e.test_month = made.test_month
    AND e.slice = 'all'
    AND e.metric = 'precision@5';
