-- Lock an incident that is not yet sent everywhere; no row if it is, or another process sends it.
-- Binds: incident_key (text)
-- Index: outbox_pkey
SELECT incident, mailed_at IS NOT NULL AS mailed, posted_at IS NOT NULL AS posted
FROM outbox
WHERE incident_key = :incident_key AND (mailed_at IS NULL OR posted_at IS NULL)
FOR UPDATE SKIP LOCKED;
