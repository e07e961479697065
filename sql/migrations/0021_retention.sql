-- What retention removed, and how a month of the service's answers goes.

CREATE TABLE removals (
    removal_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    removed_at timestamptz NOT NULL DEFAULT now(),
    kind       text        NOT NULL,     -- predictions, feedback, version, run, report, log, mail
    name       text        NOT NULL,     -- a partition, a version's number, a run's id, a folder
    amount     bigint      NOT NULL,     -- rows or files
    bytes      bigint      NOT NULL      -- as far as known
);
CREATE INDEX removals_removed_at_idx ON removals (removed_at);

-- Drop one partition of predictions; refuses every other table. The service writes to the parent: it never
-- waits longer than a few seconds for a drop that waits for a long query.
CREATE FUNCTION drop_predictions_partition(child text) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '3s' AS $$
BEGIN
    IF NOT is_partition('predictions', child) THEN
        RAISE EXCEPTION '% is no partition of predictions', child;
    END IF;
    EXECUTE format('DROP TABLE %I', child);
END $$;
