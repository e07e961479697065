-- Put an incident into the outbox unless its cause is there already; returns its key if it was new.
-- Binds: incident_key (text), run_key (text), fallback (boolean), incident (jsonb), delay_s (float)
-- Index: outbox_pkey
INSERT INTO outbox (incident_key, run_key, fallback, incident, due_at)
VALUES (
    :incident_key, :run_key, :fallback, CAST(:incident AS jsonb),
    now() + make_interval(secs => :delay_s)
)
ON CONFLICT (incident_key) DO NOTHING
RETURNING incident_key;
