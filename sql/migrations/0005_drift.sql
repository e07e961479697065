-- What each check saw, what was decided, and the thresholds it was decided by.

CREATE TABLE drift_calibrations (
    calibration_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at     timestamptz NOT NULL DEFAULT now(),
    site           text        NOT NULL,
    model_version  text        NOT NULL,
    false_alarms_per_year double precision NOT NULL,
    thresholds     jsonb       NOT NULL,    -- {signal: threshold}
    details        jsonb       NOT NULL DEFAULT '{}'
);

CREATE TABLE drift_reports (
    report_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind           text        NOT NULL CHECK (kind IN ('month', 'predictions')),
    site           text        NOT NULL,
    window_start   timestamptz NOT NULL,
    window_end     timestamptz NOT NULL,
    model_version  text        NOT NULL,
    calibration_id bigint REFERENCES drift_calibrations,
    reference_first text,
    reference_last  text,
    question_count integer     NOT NULL,
    verdict        text        NOT NULL CHECK (verdict IN ('no_reference', 'too_few', 'quiet', 'drift')),
    summary        jsonb       NOT NULL DEFAULT '{}',
    artifact_uri   text,
    created_at     timestamptz NOT NULL DEFAULT now(),
    UNIQUE (kind, site, window_start, window_end, model_version)
);

CREATE TABLE drift_signals (
    report_id bigint NOT NULL REFERENCES drift_reports ON DELETE CASCADE,
    signal    text   NOT NULL,
    value     double precision NOT NULL,
    threshold double precision,
    alarmed   boolean NOT NULL,
    test      text   NOT NULL,
    movers    jsonb  NOT NULL DEFAULT '[]',
    PRIMARY KEY (report_id, signal)
);

CREATE TABLE decisions (
    decision_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_id    bigint      NOT NULL UNIQUE REFERENCES drift_reports,
    decided_at   timestamptz NOT NULL DEFAULT now(),
    action       text        NOT NULL CHECK (action IN ('retrain', 'keep', 'no_reference')),
    reason       text        NOT NULL,
    training_run_id text
);
