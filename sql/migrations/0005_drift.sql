-- What each check saw, what was decided, and the thresholds it was decided by.

-- What a model is compared with: the reference questions, answered by models that have not learned
-- them (the model's own answers on what it has learned would be too good).
CREATE TABLE drift_references (
    site          text        NOT NULL,
    model_version text        NOT NULL,
    first_month   text        NOT NULL CHECK (first_month ~ '^\d{4}-\d{2}$'),
    last_month    text        NOT NULL CHECK (last_month ~ '^\d{4}-\d{2}$'),
    vocabulary    text[]      NOT NULL,     -- what the models that answered could suggest
    created_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, model_version, first_month, last_month)
);
CREATE TABLE drift_reference_answers (
    site          text   NOT NULL,
    model_version text   NOT NULL,
    first_month   text   NOT NULL,
    last_month    text   NOT NULL,
    question_id   bigint NOT NULL,
    tags          text[] NOT NULL,          -- best first
    scores        double precision[] NOT NULL,
    PRIMARY KEY (site, model_version, first_month, last_month, question_id),
    FOREIGN KEY (site, model_version, first_month, last_month)
        REFERENCES drift_references ON DELETE CASCADE
);

-- Thresholds, per model and size of window; rows are added, never changed.
CREATE TABLE drift_calibrations (
    calibration_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    created_at     timestamptz NOT NULL DEFAULT now(),
    kind           text        NOT NULL CHECK (kind IN ('month', 'predictions')),
    site           text        NOT NULL,
    model_version  text        NOT NULL,
    reference_first text       NOT NULL,
    reference_last text        NOT NULL,
    question_count integer     NOT NULL,    -- of the window that the thresholds hold for
    code_version   integer     NOT NULL,    -- include.drift.calibration.CALIBRATION_VERSION
    false_alarms_per_year double precision NOT NULL,
    thresholds     jsonb       NOT NULL,    -- {signal: threshold}
    details        jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX drift_calibrations_model_idx ON drift_calibrations (site, model_version, kind);

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
CREATE INDEX drift_reports_verdict_idx ON drift_reports (site, kind, window_start);

CREATE TABLE drift_signals (
    report_id bigint NOT NULL REFERENCES drift_reports ON DELETE CASCADE,
    signal    text   NOT NULL,
    value     double precision NOT NULL,
    threshold double precision,
    alarmed   boolean NOT NULL,
    test      text   NOT NULL,
    low       double precision,             -- the value's own interval at 95 %, where it has one
    high      double precision,
    movers    jsonb  NOT NULL DEFAULT '[]', -- [{"name", "before", "after", "weight"}], strongest first
    PRIMARY KEY (report_id, signal)
);

CREATE TABLE decisions (
    decision_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    report_id    bigint      NOT NULL UNIQUE REFERENCES drift_reports,
    decided_at   timestamptz NOT NULL DEFAULT now(),
    action       text        NOT NULL CHECK (action IN ('retrain', 'keep', 'no_reference')),
    reason       text        NOT NULL,
    training_run_id text                    -- the DAG run that was triggered
);
