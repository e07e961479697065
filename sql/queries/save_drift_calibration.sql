-- Add thresholds.
-- Binds: kind (text), site (text), model_version (text), reference_first (text),
--        reference_last (text), question_count (int), code_version (int),
--        false_alarms_per_year (double precision), thresholds (jsonb), details (jsonb)
-- Index: none
INSERT INTO drift_calibrations (
    kind, site, model_version, reference_first, reference_last, question_count, code_version,
    false_alarms_per_year, thresholds, details
) VALUES (
    :kind, :site, :model_version, :reference_first, :reference_last, :question_count,
    :code_version, :false_alarms_per_year, CAST(:thresholds AS jsonb), CAST(:details AS jsonb)
)
RETURNING calibration_id;
