-- What the service was asked and answered, what people made of it, and the A/B tests.

CREATE TABLE predictions (
    prediction_id uuid        NOT NULL,
    asked_at      timestamptz NOT NULL,
    site          text        NOT NULL,
    question_id   bigint,
    title         text        NOT NULL,
    body          text        NOT NULL,
    tags          jsonb       NOT NULL,      -- [{"tag", "score"}], best first
    model_version text        NOT NULL,
    candidate     text        NOT NULL,
    variant       text        NOT NULL CHECK (variant IN ('champion', 'challenger')),
    shadow        boolean     NOT NULL DEFAULT false,   -- computed beside the answer, never shown
    answer_id     uuid,                                 -- of a shadow row: the prediction that was shown
    ab_test_id    bigint,
    latency_ms    real        NOT NULL,
    client        text,
    PRIMARY KEY (prediction_id, asked_at)
) PARTITION BY RANGE (asked_at);
CREATE INDEX predictions_asked_at_idx ON predictions (asked_at);
CREATE INDEX predictions_ab_test_idx ON predictions (ab_test_id) WHERE ab_test_id IS NOT NULL;
CREATE INDEX predictions_question_idx ON predictions (site, question_id) WHERE question_id IS NOT NULL;

CREATE TABLE feedback (
    feedback_id   uuid        PRIMARY KEY,
    prediction_id uuid        NOT NULL,
    given_at      timestamptz NOT NULL,
    final_tags    text[]      NOT NULL,
    source        text        NOT NULL CHECK (source IN ('page', 'api', 'site'))
);
CREATE INDEX feedback_prediction_idx ON feedback (prediction_id);

CREATE TABLE ab_tests (
    ab_test_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    champion_version   text        NOT NULL,
    challenger_version text        NOT NULL,
    share              real        NOT NULL CHECK (share >= 0 AND share <= 1),
    shadow             boolean     NOT NULL DEFAULT false,
    started_at         timestamptz NOT NULL DEFAULT now(),
    started_by         text        NOT NULL,
    ended_at           timestamptz,
    verdict            text CHECK (verdict IN ('promote', 'stop')),
    reason             text,
    figures            jsonb       NOT NULL DEFAULT '{}',
    CHECK (champion_version <> challenger_version)
);
CREATE UNIQUE INDEX ab_tests_one_open_idx ON ab_tests ((true)) WHERE ended_at IS NULL;

-- A ledger of every daily look at an A/B test: rows are added, never changed or deleted.
CREATE TABLE ab_verdicts (
    ab_verdict_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    ab_test_id    bigint      NOT NULL REFERENCES ab_tests,
    judged_at     timestamptz NOT NULL DEFAULT now(),
    verdict       text        NOT NULL CHECK (verdict IN ('promote', 'stop', 'go_on')),
    reason        text        NOT NULL,
    figures       jsonb       NOT NULL DEFAULT '{}'
);
CREATE INDEX ab_verdicts_test_idx ON ab_verdicts (ab_test_id, judged_at);
CREATE FUNCTION refuse_verdict_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ab_verdicts is a ledger: add a row instead of changing one';
END $$;
CREATE TRIGGER ab_verdicts_are_final BEFORE UPDATE OR DELETE OR TRUNCATE ON ab_verdicts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_verdict_change();
