-- What each model learned from: the latest questions of its training window, often all of them.

CREATE TABLE fits (
    run_id         text        PRIMARY KEY,   -- of MLflow
    dataset_id     text        NOT NULL REFERENCES datasets,
    candidate      text        NOT NULL,
    question_count integer     NOT NULL CHECK (question_count > 0),
    window_count   integer     NOT NULL CHECK (window_count >= question_count),
    first_asked_at timestamptz NOT NULL,      -- of the questions learned from
    last_asked_at  timestamptz NOT NULL CHECK (last_asked_at >= first_asked_at),
    tag_count      integer     NOT NULL,      -- with at least min_tag_count of these questions
    fitted_at      timestamptz NOT NULL DEFAULT now()
);
