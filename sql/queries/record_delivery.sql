-- Record an attempt to send an incident.
-- Binds: incident_key (text), mailed (boolean), posted (boolean), last_error (text)
-- Index: outbox_pkey
UPDATE outbox
SET
    mailed_at = CASE WHEN :mailed THEN coalesce(mailed_at, clock_timestamp()) END,
    posted_at = CASE WHEN :posted THEN coalesce(posted_at, clock_timestamp()) END,
    attempts = attempts + 1,
    last_error = :last_error
WHERE incident_key = :incident_key;
