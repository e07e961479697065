-- What was trained on what, how it did, and which version was live when and why.

CREATE TABLE datasets (
    dataset_id     text        PRIMARY KEY,   -- hash of content
    site           text        NOT NULL,
    first_month    text        NOT NULL CHECK (first_month ~ '^\d{4}-\d{2}$'),
    last_month     text        NOT NULL CHECK (last_month ~ '^\d{4}-\d{2}$'),
    question_count integer     NOT NULL,
    min_tag_count  integer     NOT NULL,
    vocabulary     text[]      NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now()
);

-- model_version is the registry's version, or the MLflow run id of a model that was not registered.
CREATE TABLE evaluations (
    site           text    NOT NULL,
    candidate      text    NOT NULL,
    model_version  text    NOT NULL,
    run_id         text    NOT NULL,
    train_first    text    NOT NULL,
    train_last     text    NOT NULL,
    test_month     text    NOT NULL,
    slice          text    NOT NULL DEFAULT 'all',
    metric         text    NOT NULL,
    value          double precision NOT NULL,
    question_count integer NOT NULL,
    evaluated_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, model_version, test_month, slice, metric)
);
CREATE INDEX evaluations_candidate_idx ON evaluations (site, candidate, train_last, test_month);

CREATE VIEW decay AS
SELECT site, candidate, model_version, train_first, train_last, test_month, metric, value, question_count,
       (left(test_month, 4)::int - left(train_last, 4)::int) * 12
       + right(test_month, 2)::int - right(train_last, 2)::int AS age_months
FROM evaluations
WHERE slice = 'all';

-- A ledger: rows are added, never changed or deleted.
CREATE TABLE promotions (
    promotion_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    promoted_at   timestamptz NOT NULL DEFAULT now(),
    alias         text        NOT NULL,
    from_version  text,
    to_version    text        NOT NULL,
    kind          text        NOT NULL CHECK (kind IN ('first', 'promotion', 'rollback', 'challenger', 'withdrawal')),
    actor         text        NOT NULL,      -- a person's name or a DAG run's id
    reason        text        NOT NULL,
    figures       jsonb       NOT NULL DEFAULT '{}',
    artifact_sha256 text
);
CREATE INDEX promotions_alias_idx ON promotions (alias, promotion_id DESC);
CREATE FUNCTION refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'promotions is a ledger: add a row instead of changing one';
END $$;
CREATE TRIGGER promotions_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON promotions
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_ledger_change();
