-- Standard terms for what drift checks store: the top contributors of a signal, and the null
-- distributions of a calibration (include.drift.calibration.NullDistribution).

ALTER TABLE drift_signals RENAME COLUMN movers TO contributors;

UPDATE drift_calibrations
SET details = jsonb_set(
    details #- '{calibration,nulls}',
    '{calibration,null_distributions}',
    (
        SELECT coalesce(
            jsonb_object_agg(
                signal,
                jsonb_build_object(
                    'mean', stored -> 'centre',
                    'std', stored -> 'spread',
                    'month_location', stored -> 'unrest_centre',
                    'month_scale', stored -> 'unrest_spread',
                    'threshold', stored -> 'threshold'
                )
            ),
            '{}'
        )
        FROM jsonb_each(details #> '{calibration,nulls}') AS null_distribution (signal, stored)
    )
)
WHERE details #> '{calibration,nulls}' IS NOT NULL;
