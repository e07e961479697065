-- Thresholds by their id.
-- Binds: calibration_id (bigint)
-- Index: drift_calibrations_pkey
SELECT details
FROM drift_calibrations
WHERE calibration_id = :calibration_id;
