-- Monthly models, what each of them answered on every later month, and what a year of them says.

-- Whatever besides the stored questions decides the figures is in the id.
CREATE TABLE stability_studies (
    study_id      text        PRIMARY KEY,    -- hash of all that follows
    site          text        NOT NULL,
    candidate     text        NOT NULL,
    parameters    jsonb       NOT NULL,       -- those that differ from the family's defaults
    window_months integer,                    -- months that each model learns from; all if null
    min_tag_count integer     NOT NULL,
    encoder       text        NOT NULL,       -- BERT_MODEL; empty for the bundled one
    code_version  text        NOT NULL,       -- include.jobs.code_version
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stability_studies_site_idx ON stability_studies (site, candidate);

-- One row a model, by the first month that it has not seen.
CREATE TABLE stability_months (
    study_id      text    NOT NULL REFERENCES stability_studies ON DELETE CASCADE,
    month         text    NOT NULL CHECK (month ~ '^\d{4}-\d{2}$'),
    run_id        text    NOT NULL,           -- the MLflow run that holds the model
    experiment_id text    NOT NULL,
    dataset_id    text    NOT NULL REFERENCES datasets,
    test_id       text    NOT NULL,           -- hash of the month's questions
    question_ids  bigint[] NOT NULL,          -- of the month, oldest first
    slices        text[]  NOT NULL,
    slice_members integer[] NOT NULL,         -- one a question: bit i says that it is in slices[i + 1]
    unknown_words double precision NOT NULL,
    finished      boolean NOT NULL DEFAULT false, -- tested with every other month of the study
    trained_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (study_id, month)
);

-- What the model of one month answered on another: arrays run along the test month's question_ids.
CREATE TABLE stability_pairs (
    study_id        text       NOT NULL,
    model_month     text       NOT NULL,
    test_month      text       NOT NULL,
    run_id          text       NOT NULL,      -- of the model
    test_id         text       NOT NULL,
    found           smallint[] NOT NULL,      -- bit i: the suggestion at rank i + 1 is a true tag
    true_count      smallint[] NOT NULL,
    reachable_count smallint[] NOT NULL,      -- true tags inside the model's vocabulary
    suggested       text[]     NOT NULL,      -- tags, best first, with a space between them
    PRIMARY KEY (study_id, model_month, test_month),
    FOREIGN KEY (study_id, model_month) REFERENCES stability_months ON DELETE CASCADE,
    FOREIGN KEY (study_id, test_month) REFERENCES stability_months ON DELETE CASCADE,
    CHECK (model_month <= test_month)
);
CREATE INDEX stability_pairs_test_idx ON stability_pairs (study_id, test_month);

-- Drift checks of a study's months, kept because their thresholds are costly to find.
CREATE TABLE stability_checks (
    check_id text    PRIMARY KEY,             -- hash of all that the answer depends on
    study_id text    NOT NULL REFERENCES stability_studies ON DELETE CASCADE,
    month    text    NOT NULL,
    alarmed  boolean NOT NULL,
    reason   text    NOT NULL
);
CREATE INDEX stability_checks_study_idx ON stability_checks (study_id, month);

-- What a stretch of consecutive months says; one that grew takes the place of the smaller one.
CREATE TABLE stability_reports (
    study_id      text        NOT NULL REFERENCES stability_studies ON DELETE CASCADE,
    site          text        NOT NULL,
    candidate     text        NOT NULL,
    first_month   text        NOT NULL CHECK (first_month ~ '^\d{4}-\d{2}$'),
    last_month    text        NOT NULL CHECK (last_month ~ '^\d{4}-\d{2}$'),
    source_id     text        NOT NULL,       -- hash of what it was made from
    report        jsonb       NOT NULL,       -- include.evaluation.year_json
    html          text        NOT NULL,       -- the same as one page; empty if none was made
    run_ids       text[]      NOT NULL,       -- MLflow runs of the months, oldest first
    built_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (study_id, first_month),
    CHECK (first_month <= last_month)
);
CREATE INDEX stability_reports_site_idx ON stability_reports (site, built_at DESC);
