-- A stored drift check.
-- Binds: check_id (text)
-- Index: stability_checks_pkey
SELECT alarmed, reason
FROM stability_checks
WHERE check_id = :check_id;
