-- Refreshes between trainings: what is learned up to a day of the open month, and evaluated on days.

-- last_month stays the last month that is contained as a whole.
ALTER TABLE datasets ADD COLUMN learned_until timestamptz;
UPDATE datasets SET learned_until = (last_month || '-01')::timestamp AT TIME ZONE 'UTC' + interval '1 month';
ALTER TABLE datasets ALTER COLUMN learned_until SET NOT NULL;

-- The days evaluated on, half-open; null for the whole month, which the view decay is about.
ALTER TABLE evaluations
ADD COLUMN test_from date,
ADD COLUMN test_until date,
ADD CHECK ((test_from IS NULL) = (test_until IS NULL) AND test_from < test_until);
CREATE OR REPLACE VIEW decay AS
SELECT site, candidate, model_version, train_first, train_last, test_month, metric, value, question_count,
       (left(test_month, 4)::int - left(train_last, 4)::int) * 12
       + right(test_month, 2)::int - right(train_last, 2)::int AS age_months
FROM evaluations
WHERE slice = 'all' AND test_from IS NULL;

-- Every refresh that was judged, promoted or not: the next one is due so long after the last.
CREATE TABLE refreshes (
    site             text        NOT NULL,
    learned_until    timestamptz NOT NULL,  -- up to which the refreshed model has learned
    cause            text        NOT NULL CHECK (cause IN ('due', 'surge', 'requested')),
    reason           text        NOT NULL,
    test_from        timestamptz NOT NULL,  -- judged on the questions from here to learned_until
    champion_version text        NOT NULL,  -- that it was judged against
    training_run_id  text        NOT NULL,  -- of MLflow
    version          text,                  -- null if the gate refused it
    decision         text        NOT NULL,  -- the gate's sentence
    new_tags         text[]      NOT NULL,  -- used often since, that the champion could not suggest
    judged_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (site, learned_until)
);
