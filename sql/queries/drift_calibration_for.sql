-- The thresholds for the largest number of questions that is not above the window's.
-- Binds: kind (text), site (text), model_version (text), reference_first (text),
--        reference_last (text), code_version (int), false_alarms_per_year (double precision),
--        smallest (int), largest (int)
-- Index: drift_calibrations_model_idx
SELECT calibration_id, details
FROM drift_calibrations
WHERE site = :site
  AND model_version = :model_version
  AND kind = :kind
  AND reference_first = :reference_first
  AND reference_last = :reference_last
  AND code_version = :code_version
  AND false_alarms_per_year = :false_alarms_per_year
  AND question_count >= :smallest
  AND question_count <= :largest
ORDER BY question_count DESC, calibration_id DESC
LIMIT 1;
