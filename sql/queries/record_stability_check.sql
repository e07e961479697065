-- Store a drift check; repeated, it changes nothing.
-- Binds: check_id (text), study_id (text), month (text), alarmed (bool), reason (text)
-- Index: stability_checks_pkey
INSERT INTO stability_checks (check_id, study_id, month, alarmed, reason)
VALUES (:check_id, :study_id, :month, :alarmed, :reason)
ON CONFLICT (check_id) DO NOTHING;
