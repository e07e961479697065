-- What people must hear of a failed or overdue run, from when it is noticed until mail and Slack have it.

CREATE TABLE outbox (
    incident_key text        PRIMARY KEY,          -- the same cause in the same run has the same key
    run_key      text        NOT NULL,             -- DAG and run, or what is overdue
    fallback     boolean     NOT NULL,             -- of a whole run: not sent if one of its tasks is
    incident     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    due_at       timestamptz NOT NULL,             -- sent from then on
    mailed_at    timestamptz,
    posted_at    timestamptz,                      -- to Slack, or found that there is no webhook
    attempts     integer     NOT NULL DEFAULT 0,
    last_error   text                              -- kind of error, without addresses
);
CREATE INDEX outbox_waiting_idx ON outbox (created_at) WHERE mailed_at IS NULL OR posted_at IS NULL;
CREATE INDEX outbox_run_idx ON outbox (run_key);
